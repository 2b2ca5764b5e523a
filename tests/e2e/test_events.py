"""Events, each once and in order; and the log, one row per attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.e2e.driving import API, WORKER, Platform, Tenant, component, image
from tests.e2e.observer import Observer
from tests.e2e.routing import BODIES
from tests.e2e.rows import Rows
from tests.support.schemas import validator

QUICK = {"stableSeconds": 1, "retryTimeoutSeconds": 2}


@pytest.fixture(scope="module")
def told(platform: Platform, observer: Observer) -> tuple[Tenant, str]:
    """A short life that causes each kind of event that a person's work can cause."""
    tenant = platform.fresh_tenant()
    environment_id = tenant.environment()
    about = {"tenantId": tenant.tenant_id, "environmentId": environment_id}
    configuration = tenant.post("/configurations", {**about, "values": {"A": "1"}}).json()["configurationId"]
    components = [component(), component(WORKER, target="container-apps")]
    tenant.release(environment_id, components, configurationId=configuration, gate=QUICK)
    tenant.healthy(API)
    tenant.post("/scaling-policies", {**BODIES["/scaling-policies"](tenant.tenant_id, environment_id)})
    observer.wait(environment_id, "ScalingPolicyApplied")
    platform.control.behave(environmentId=environment_id, image=image(WORKER, "6.6.6"), status="Unhealthy")
    tenant.release(environment_id, [component(WORKER, "6.6.6", target="container-apps")], gate=QUICK)
    observer.wait(environment_id, "RuntimeDeploymentRolledBack")
    platform.control.change(environment_id, API, image=image(API, "1.0.0"))
    observer.wait(environment_id, "RuntimeDriftDetected")
    return tenant, environment_id


def test_what_happens_once_is_told_once(told: tuple[Tenant, str], observer: Observer) -> None:
    kinds = Counter(one.kind for one in observer.of(told[1]))
    once = {
        "RuntimeEnvironmentProvisioned": 1,
        "RuntimeDeploymentRequested": 2,
        "RuntimeDeploymentCompleted": 1,
        "RuntimeDeploymentRolledBack": 1,
        "ConfigurationSynced": 1,
        "ScalingPolicyApplied": 1,
        "RuntimeDriftDetected": 1,
    }
    assert {kind: kinds[kind] for kind in once} == once
    assert kinds["RuntimeInventoryUpdated"] >= 1
    assert kinds["HealthCheckCompleted"] >= 2


def test_the_sequence_has_no_gap_and_no_repetition(told: tuple[Tenant, str], observer: Observer) -> None:
    events = observer.of(told[1])
    assert [one.body["sequence"] for one in events] == list(range(1, len(events) + 1))
    assert len({one.message_id for one in events}) == len(events)


def test_every_event_is_in_the_canonical_envelope(told: tuple[Tenant, str], observer: Observer) -> None:
    tenant, environment_id = told
    needed = {
        "eventId",
        "eventType",
        "tenantId",
        "traceId",
        "correlationId",
        "causationId",
        "occurredAt",
        "sequence",
        "payload",
    }
    for one in observer.of(environment_id):
        assert needed <= one.body.keys() <= needed | {"projectId", "moduleId"}
        assert one.body["tenantId"] == tenant.tenant_id
        assert one.body["projectId"] == "proj-booking-saas"
        assert one.message_id == one.body["eventId"]
        assert one.subject == one.body["eventType"]
        assert one.content_type == "application/json"


def test_every_event_is_valid_against_its_published_schema(told: tuple[Tenant, str], observer: Observer) -> None:
    for one in observer.of(told[1]):
        validator(one.kind).validate(dict(one.body))


def test_every_event_carries_its_properties(told: tuple[Tenant, str], observer: Observer) -> None:
    tenant, environment_id = told
    for one in observer.of(environment_id):
        trace = one.body["traceId"].removeprefix("trace-")
        assert one.properties["cs-tenant-id"] == tenant.tenant_id
        assert one.properties["cs-schema-version"] == "1.0"
        assert one.properties["traceparent"].startswith(f"00-{trace}-")
        attributes = {name.removeprefix("cloudEvents:"): value for name, value in one.properties.items()}
        assert attributes["specversion"] == "1.0"
        assert attributes["id"] == one.body["eventId"]
        assert attributes["type"] == one.body["eventType"]
        assert attributes["time"] == one.body["occurredAt"]
        assert attributes["source"]


def test_events_belong_to_the_trace_that_caused_them(told: tuple[Tenant, str], observer: Observer) -> None:
    tenant, environment_id = told
    [provisioned] = [one for one in observer.of(environment_id) if one.kind == "RuntimeEnvironmentProvisioned"]
    assert provisioned.body["traceId"] == tenant.read(f"/environments/{environment_id}")["traceId"]


def test_the_outbox_is_empty_when_everything_was_told(told: tuple[Tenant, str], rows: Rows) -> None:
    left = [key for key in rows.of_environment(told[0].tenant_id, told[1]) if key.startswith("out-")]
    assert len(left) <= 1, "at most what is being sent just now"


def test_every_attempt_leaves_one_log_row_and_reading_none(platform: Platform, tenant: Tenant, rows: Rows) -> None:
    reader = platform.tenant(tenant.tenant_id, "runtime.environments.read")
    environment_id = tenant.environment()
    after_provisioning = len(rows.log(tenant.tenant_id))
    body = {**BODIES["/configurations"](tenant.tenant_id, environment_id), "comment": "only-in-the-record"}
    attempts: list[tuple[Callable[[], object], str, str | None]] = [
        (lambda: tenant.post("/configurations", body), "Allowed", None),
        (lambda: reader.post("/configurations", body), "Denied", "InsufficientScope"),
        (lambda: tenant.post("/configurations", {**body, "tenantId": "another"}), "Denied", "TenantMismatch"),
        (lambda: tenant.post("/configurations", {**body, "extra": 1}), "Failed", "MalformedRequest"),
        (lambda: tenant.post("/configurations", {**body, "values": {"PASSWORD": "x"}}), "Failed", "ValidationFailed"),
        (lambda: tenant.post("/configurations", {**body, "environmentId": "env-0000000000000000"}), "Failed", "NotFound"),
        (lambda: tenant.request("POST", "/v1/runtime/configurations", content=b"{"), "Failed", "UnsupportedMediaType"),
    ]
    for attempt, outcome, code in attempts:
        attempt()
        latest = rows.log(tenant.tenant_id)[-1]
        assert (latest["outcome"], latest.get("code")) == (outcome, code)
        assert latest["actor"] == "local-operator"
        assert latest["traceId"].startswith("trace-")
        assert "only-in-the-record" not in str(latest), "the log tells what was done, not with which words"
    tenant.read("/environments")
    tenant.get("/environments/nowhere")
    platform.api.post("/v1/runtime/configurations", json=body)
    assert len(rows.log(tenant.tenant_id)) == after_provisioning + len(attempts)
