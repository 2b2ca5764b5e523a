"""The isolation probe on the whole app in this process: what it tries, what it finds, and what follows from a breach."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.http.probing import Probing
from shared.kernel.errors import Transient
from shared.runtime.environments.intactness import HOME_TENANT
from shared.runtime.environments.isolation import Isolation
from shared.store import keys
from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.rehearsal.stage import component, provision, release

PROBER = "isolation-probe"


@pytest.fixture
def platform() -> Platform:
    return Platform()


def probing(platform: Platform) -> Probing:
    """As the container makes it, but for the issuer: there `Bearer <tenant>` is a token."""

    async def token() -> str:
        return PROBER

    return replace(platform.container.probing(platform.table), token=token)


async def report(platform: Platform) -> dict[str, Any]:
    return await platform.send("GET", "/isolation")


def open_the_door(platform: Platform) -> None:
    """Somebody's mistake: whoever asks is taken for the tenant whose environment it is."""

    class Open(Isolation):
        async def admit(self, tenant_id: str, ident: str, *others: str, kind: str = "environment"):
            if tenant_id == PROBER:
                tenant_id = HOME_TENANT
            return await super().admit(tenant_id, ident, *others, kind=kind)

    made = platform.container.__dict__
    for name in ("isolation", "drift_reader", "inventory", "ruling"):
        made.pop(name, None)
    made["isolation"] = Open(platform.store)


async def test_every_route_refuses_what_is_another_tenants(platform: Platform) -> None:
    assert await report(platform) == {
        "status": "Never",
        "attempts": 0,
        "untold": 0,
        "breaches": [],
        "consecutiveBreaches": 0,
    }
    found = await probing(platform).probe()
    assert found.breaches == []
    assert (found.status, found.untold) == ("Intact", 0)
    assert found.attempts == sum(route.scopes is not None for route in platform.table)
    shown = await report(platform)
    assert (shown["status"], shown["attempts"]) == ("Intact", found.attempts)
    assert platform.hub.started == []


async def test_what_it_tries_to_reach_is_there_for_who_may(platform: Platform) -> None:
    probe = probing(platform)
    theirs = await probe.bait.lay()
    assert await probe.bait.lay() == theirs
    for path in (
        f"/environments/{theirs['environmentId']}",
        f"/deployments/{theirs['deploymentId']}",
        f"/configurations/{theirs['configurationId']}",
        f"/secret-bindings/{theirs['secretBindingId']}",
        f"/scaling-policies/{theirs['scalingPolicyId']}",
        f"/operations/{theirs['operationId']}",
        f"/drift/{theirs['environmentId']}?status=Resolved",
    ):
        answer = await platform.ask("GET", path, tenant=HOME_TENANT)
        assert answer.status == 200, path


async def test_its_own_attempts_leave_no_log_that_grows(platform: Platform) -> None:
    await probing(platform).probe()
    assert await platform.store.list(keys.tenant_partition(PROBER), "log-", limit=10) == []


async def test_a_door_that_is_open_is_a_critical_finding_that_stays_one_and_resolves(platform: Platform) -> None:
    shut = platform.container.isolation
    open_the_door(platform)
    found = await probing(platform).probe()
    routes = {one.route for one in found.breaches}
    assert {"GET /environments/{environmentId}", "GET /drift/{environmentId}", "POST /deployments"} <= routes
    [finding] = await home_findings(platform)
    assert (finding["kind"], finding["severity"], finding["status"]) == ("IsolationBreach", "Critical", "Open")
    assert "serviceId" not in finding
    await probing(platform).probe()
    [again] = await home_findings(platform)
    assert (again["findingId"], again["occurrences"]) == (finding["findingId"], 2)
    assert (await report(platform))["consecutiveBreaches"] == 2
    shut_again(platform, shut)
    await probing(platform).probe()
    assert await home_findings(platform) == []
    assert (await report(platform))["consecutiveBreaches"] == 0


async def home_findings(platform: Platform) -> list[dict[str, Any]]:
    answer = await platform.ask("GET", f"/drift/{platform.container.home.environment_id}", tenant=HOME_TENANT)
    return list(json.loads(answer.body)["findings"])


def shut_again(platform: Platform, isolation: Isolation) -> None:
    made = platform.container.__dict__
    for name in ("drift_reader", "inventory", "ruling"):
        made.pop(name, None)
    made["isolation"] = isolation


async def test_a_breach_is_an_alert(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    open_the_door(platform)
    await probing(platform).probe()
    raised = [one for one in caplog.records if getattr(one, "metric", "") == "isolation-breach"]
    assert raised
    assert {one.levelname for one in raised} == {"ERROR"}


async def test_three_in_a_row_stop_releases_to_production_unless_somebody_says_why(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    idents = {}
    for stage in ("prod", "dev"):
        made = await platform.send("POST", "/environments", provision(stage=stage, name=f"orders-{stage}"))
        idents[stage] = made["environmentId"]
        await platform.settle()
    shut = platform.container.isolation
    open_the_door(platform)
    for _ in range(2):
        await probing(platform).probe()
    allowed = await platform.send("POST", "/deployments?dryRun=true", release(idents["prod"], component("api", "1")))
    assert allowed["allowed"]
    await probing(platform).probe()
    blocked = await platform.ask("POST", "/deployments", release(idents["prod"], component("api", "1")))
    assert (blocked.status, json.loads(blocked.body)["code"]) == (409, "IsolationBreach")
    rehearsed = await platform.send("POST", "/deployments?dryRun=true", release(idents["prod"], component("api", "1")))
    assert [one["code"] for one in rehearsed["obstacles"]] == ["IsolationBreach"]
    await platform.send("POST", "/deployments", release(idents["dev"], component("api", "1")))
    await platform.settle()
    body = release(idents["prod"], component("api", "1"), overrideIsolationBreach="the fix itself")
    await platform.send("POST", "/deployments", body)
    entries = (await platform.send("GET", f"/environments/{idents['prod']}/timeline"))["entries"]
    begun = next(one for one in entries if one["kind"] == "deployment.requested")
    assert begun["summary"].endswith("in spite of a breach of isolation: the fix itself")
    assert any(getattr(one, "metric", "") == "isolation-override" for one in caplog.records)
    await platform.settle()
    shut_again(platform, shut)
    await probing(platform).probe()
    await platform.send("POST", "/deployments", release(idents["prod"], component("api", "2")))


async def test_what_could_not_be_told_is_neither_intact_nor_breached(platform: Platform) -> None:
    shut = platform.container.isolation
    open_the_door(platform)
    await probing(platform).probe()
    shut_again(platform, shut)

    async def no_token() -> str:
        raise Transient("issuer")

    told = await replace(probing(platform), token=no_token).probe()
    assert (told.status, told.consecutive_breaches) == ("Incomplete", 1)
    [finding] = await home_findings(platform)
    assert (finding["status"], finding["occurrences"]) == ("Open", 1)


async def test_a_client_of_the_platforms_own_tenant_proves_nothing(platform: Platform) -> None:
    async def own() -> str:
        return HOME_TENANT

    assert (await replace(probing(platform), token=own).probe()).status == "Incomplete"


async def test_any_tenant_reads_the_last_result(platform: Platform) -> None:
    await probing(platform).probe()
    assert (await platform.ask("GET", "/isolation", tenant=TENANT)).status == 200
