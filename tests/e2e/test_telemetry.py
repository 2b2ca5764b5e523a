"""One trace, one correlation id: from the POST through the orchestration and the provisioner to the event, as the
platform's own collector took it over OTLP."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.driving import ENVIRONMENT, Json, Platform, started, until
from tests.e2e.observer import Observer

TRACE = "5c" * 16
CALLER = "a1" * 8
NAMES = {
    "POST /v1/runtime/environments",
    "provision_claim",
    "provision_complete",
    "provisioner ProvisionEnvironment",
    "send runtime-events",
    "process runtime-app",
}


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of its own, which tells its collector; once it does."""
    with started(tmp_path_factory.mktemp("telemetry") / "data", "--telemetry") as platform:
        until(lambda: told(platform), lambda found: any(one["service"] == "runtime-api" for one in found["spans"]))
        yield platform


def told(platform: Platform, trace_id: str | None = None) -> Json:
    ((_, endpoint),) = platform.endpoints["telemetry"].items()
    found: Json = httpx.get(endpoint, params={"traceId": trace_id} if trace_id else {}, trust_env=False).json()
    return found


def test_a_request_and_all_that_it_causes_is_one_trace(telling: Platform) -> None:
    observer = Observer(telling.endpoints["serviceBus"])
    tenant = telling.fresh_tenant()
    named = {"tenantId": tenant.tenant_id, "name": "traced"}
    answer = tenant.post("/environments", {**ENVIRONMENT, **named}, headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})
    environment_id = answer.json()["environmentId"]
    assert answer.json()["traceId"] == f"trace-{TRACE}"
    tenant.provisioned(environment_id)
    (event,) = observer.wait(environment_id, "RuntimeEnvironmentProvisioned")
    observer.close()

    found = until(lambda: told(telling, TRACE), lambda seen: {one["name"] for one in seen["spans"]} >= NAMES)
    spans = {one["spanId"]: one for one in found["spans"]}
    (root,) = [one for one in spans.values() if one["parentSpanId"] == CALLER]
    assert root["name"] == "POST /v1/runtime/environments"
    assert (root["kind"], root["attributes"]["http.response.status_code"]) == ("server", 202)
    by_name = {one["name"]: one for one in spans.values()}
    assert by_name["provision_claim"]["parentSpanId"] == root["spanId"]
    assert by_name["provisioner ProvisionEnvironment"]["service"] == "runtime-provisioner"
    sent = spans[event.properties["traceparent"].split("-")[2]]
    assert (sent["name"], sent["kind"]) == ("send runtime-events", "producer")
    assert by_name["process runtime-app"]["parentSpanId"] in {
        one["spanId"] for one in spans.values() if one["name"] == "send runtime-events"
    }
    assert event.body["correlationId"] == f"corr-{TRACE}"
    assert {one["attributes"]["correlationId"] for one in spans.values()} == {f"corr-{TRACE}"}
    assert {one["attributes"]["tenantId"] for one in spans.values() if "tenantId" in one["attributes"]} == {
        tenant.tenant_id
    }


def test_the_sweeps_tell_their_metrics(telling: Platform) -> None:
    wanted = {"runtime.operation.unsettled", "runtime.outbox.lag"}
    until(lambda: told(telling), lambda seen: {one["name"] for one in seen["metrics"]} >= wanted)
