"""GetServices and GetFindings: what REST says, in pages, made once a revision."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import grpc
import pytest

from runtime_grpc.wire import pb
from shared.access.binding import BindingStatus
from shared.kernel.clock import now
from shared.kernel.ids import environment_id
from shared.runtime.drift.model import Finding, FindingKind, FindingStatus, Owner, Scan, ScanStatus, Severity
from shared.store import keys
from tests.grpc.served import ENVIRONMENT, TENANT, Client, World, ago, code_of, refused, token


async def test_a_service_is_told_whole(client: Client, world: World) -> None:
    await world.health({"api": "Degraded"})
    answer = await client.services()
    api, worker = answer.services
    assert answer.environment_id == ENVIRONMENT
    assert (api.service_id, api.module_id, api.image, api.version) == ("api", "api", "acr.azurecr.io/api:1", "1")
    assert (api.target, api.replicas, api.generation) == (pb.COMPUTE_TARGET_CONTAINER_APPS, 2, 3)
    assert (api.status, api.health) == ("Degraded", pb.HEALTH_STATUS_DEGRADED)
    assert (api.endpoint_url, api.deployment_id, api.source) == ("https://api.example", "dep-1", "deployment")
    assert api.observed_at.ToDatetime(tzinfo=now().tzinfo) <= now()
    assert (worker.status, worker.health) == ("Unknown", pb.HEALTH_STATUS_UNKNOWN)


async def test_the_revision_moves_with_the_answer_and_not_otherwise(client: Client, world: World) -> None:
    await world.health({"api": "Healthy"}, ago(1))
    first = await client.services()
    await world.health({"api": "Healthy"})
    await asyncio.sleep(0.15)
    assert (await client.services()).revision == first.revision
    await world.run("api", version="2")
    await asyncio.sleep(0.15)
    second = await client.services()
    assert second.revision != first.revision
    assert second.services[0].version == "2"


async def test_pages_hold_everything_once(client: Client, world: World) -> None:
    await world.run(*[f"s-{number:03}" for number in range(23)])
    seen, page_token = [], ""
    while True:
        page = await client.services(page_size=10, page_token=page_token)
        seen += [one.service_id for one in page.services]
        if not (page_token := page.next_page_token):
            break
    whole = await client.services()
    assert seen == [one.service_id for one in whole.services]
    assert (len(seen), whole.next_page_token) == (25, "")


async def test_a_page_of_another_list_is_refused(client: Client, world: World) -> None:
    other = environment_id("b" * 16)
    await world.provision(TENANT, other, "dev", "api", "worker")
    page_token = (await client.services(page_size=1)).next_page_token
    for wrong in (client.services(environment_id=other, page_token=page_token), client.findings(page_token=page_token)):
        error = await refused(wrong)
        assert (error.code(), code_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "MalformedRequest")


@pytest.mark.parametrize("size", [-1, 501])
async def test_a_page_has_its_limits(client: Client, size: int) -> None:
    assert (await refused(client.services(page_size=size))).code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_crowd_costs_one_read(client: Client, world: World) -> None:
    await asyncio.gather(*[client.services() for _ in range(50)])
    assert world.inner.asked["list svc-"] == 1
    assert world.inner.asked["gather"] == 1
    world.inner.asked.clear()
    await asyncio.sleep(0.15)
    await asyncio.gather(*[client.services() for _ in range(50)])
    assert world.inner.asked.total() == world.inner.asked["get rev"] <= 3


async def test_what_was_read_once_is_soon_out_of_date(client: Client, world: World) -> None:
    await client.services()
    await world.run("api", version="2")
    await asyncio.sleep(0.12)
    assert (await client.services()).services[0].version == "2"


async def test_evidence_that_has_grown_old_says_nothing(client: Client, world: World) -> None:
    await world.health({"api": "Healthy"}, ago(3600))
    assert (await client.services()).services[0].health == pb.HEALTH_STATUS_UNKNOWN


async def test_a_suspended_tenant_may_look(client: Client, world: World) -> None:
    await world.bind(BindingStatus.SUSPENDED)
    assert len((await client.services()).services) == 2


def finding(number: int, status: FindingStatus, at: datetime, **more: Any) -> Finding:
    fields: dict[str, Any] = {
        "finding_id": f"drift-{ENVIRONMENT.removeprefix('env-')}{number:016x}",
        "environment_id": ENVIRONMENT,
        "service_id": "api",
        "kind": FindingKind.IMAGE_VERSION_MISMATCH,
        "desired": "1.4.2",
        "actual": "1.4.1",
        "severity": Severity.HIGH,
        "detected_at": at,
        "status": status,
        "owner": Owner.DEPLOYMENT,
        "first_seen_at": at,
        "last_seen_at": at,
        "occurrences": 3,
    }
    return Finding(**{**fields, **more})


async def find(world: World, *found: Finding) -> None:
    await world.put({one.finding_id: one for one in found})


async def test_a_finding_is_told_whole_with_its_scan(client: Client, world: World) -> None:
    at = ago(5)
    await find(world, finding(1, FindingStatus.OPEN, at))
    scan = Scan(started_at=at, completed_at=at, status=ScanStatus.INCOMPLETE, not_reached=["worker"])
    await world.put({keys.SCAN: scan})
    answer = await client.findings()
    (one,) = answer.findings
    assert (one.service_id, one.kind, one.desired, one.actual) == ("api", "ImageVersionMismatch", "1.4.2", "1.4.1")
    assert (one.severity, one.status, one.occurrences) == (pb.SEVERITY_HIGH, "Open", 3)
    assert (answer.last_scan.status, list(answer.last_scan.not_reached)) == (pb.SCAN_STATUS_INCOMPLETE, ["worker"])
    assert answer.last_scan.completed_at.ToDatetime(tzinfo=at.tzinfo) == at


async def test_what_was_never_scanned_says_so(client: Client) -> None:
    answer = await client.findings()
    assert (answer.last_scan.status, len(answer.findings)) == (pb.SCAN_STATUS_NEVER, 0)
    assert not answer.last_scan.HasField("started_at")


async def test_unresolved_findings_unless_others_are_asked_for(client: Client, world: World) -> None:
    statuses = list(FindingStatus)
    await find(world, *[finding(number, status, ago(number)) for number, status in enumerate(statuses)])
    assert {one.status for one in (await client.findings()).findings} == set(statuses) - {FindingStatus.RESOLVED}
    some = await client.findings(statuses=["Resolved", "Open"])
    assert [one.status for one in some.findings] == ["Open", "Resolved"]
    error = await refused(client.findings(statuses=["Closed"]))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_findings_come_newest_first_in_pages(client: Client, world: World) -> None:
    await find(world, *[finding(number, FindingStatus.OPEN, ago(number)) for number in range(7)])
    seen, page_token = [], ""
    while True:
        page = await client.findings(page_size=3, page_token=page_token)
        seen += [one.finding_id for one in page.findings]
        if not (page_token := page.next_page_token):
            break
    assert seen == sorted(seen)
    assert len(seen) == 7


async def test_findings_are_read_once_a_revision(client: Client, world: World) -> None:
    await asyncio.gather(*[client.findings() for _ in range(20)])
    assert world.inner.asked["list drift-"] == 1
    await find(world, finding(1, FindingStatus.OPEN, ago(1)))
    await asyncio.sleep(0.12)
    assert len((await client.findings(token())).findings) == 1
