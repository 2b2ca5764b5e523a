"""Gates of services that the platform cannot reach: what an agent inside their network reports decides, and no more."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from tests.e2e.driving import API, EVERY_SCOPE, Json, Platform, Tenant, beside, component, image, started

PATIENT = {"stableSeconds": 1, "retryTimeoutSeconds": 60}
BRIEF = {"stableSeconds": 1, "retryTimeoutSeconds": 8}
VERSION = "1.4.2"


@pytest.fixture(scope="module")
def walled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose probes may connect to none of its workloads, as where these run in a network of their own."""
    with started(tmp_path_factory.mktemp("walled") / "data", environ={"PROBE_ALLOWED_NETWORKS": ""}) as platform:
        yield platform


@dataclass
class Agent:
    """Looks at the service from beside it, twice a second: what `seen` answers is what it reports of it."""

    tenant: Tenant
    environment_id: str
    seen: Callable[[], Json]
    outcomes: set[str] = field(default_factory=set)

    def look(self) -> None:
        told = {"serviceId": API, "observedAt": datetime.now(UTC).isoformat(), "source": "agent-weu", **self.seen()}
        path = f"/internal/environments/{self.environment_id}/health-results"
        answer = self.tenant.post(path, {"tenantId": self.tenant.tenant_id, "results": [told]})
        self.outcomes |= {one["outcome"] for one in answer.raise_for_status().json()["results"]}


@contextlib.contextmanager
def reporting(tenant: Tenant, environment_id: str, seen: Callable[[], Json]) -> Iterator[Agent]:
    agent = Agent(tenant, environment_id, seen)
    with beside(agent.look, every=0.5):
        yield agent


def healthy(version: str) -> Json:
    return {"status": "Healthy", "observedImage": image(API, version)}


def gate_of(deployment: Json) -> Json:
    [gate] = [one["gate"] for one in deployment["rolloutHistory"] if "gate" in one]
    return dict(gate)


def last_sample(deployment: Json) -> Json:
    return dict(gate_of(deployment)["samples"][-1])


@pytest.fixture(scope="module")
def shop(walled: Platform) -> tuple[Tenant, str]:
    """A tenant and an environment in which the service runs, released on an agent's word."""
    tenant = walled.fresh_tenant(EVERY_SCOPE)
    environment_id = tenant.environment()
    with reporting(tenant, environment_id, lambda: healthy(VERSION)) as agent:
        done = tenant.release(environment_id, [component(API, VERSION)], gate=PATIENT)
    assert done["status"] == "Completed", done
    assert agent.outcomes <= {"UnknownService", "Accepted"}, "unknown until the release is planned"
    return tenant, environment_id


def test_a_report_of_the_new_image_promotes(shop: tuple[Tenant, str]) -> None:
    tenant, environment_id = shop
    with reporting(tenant, environment_id, lambda: healthy("1.5.0")):
        done = tenant.release(environment_id, [component(API, "1.5.0")], gate=PATIENT)
    assert done["status"] == "Completed", done
    assert last_sample(done)["detail"] == "reported by agent-weu"


def test_a_report_that_it_is_unhealthy_takes_the_release_back(shop: tuple[Tenant, str]) -> None:
    tenant, environment_id = shop
    with reporting(tenant, environment_id, lambda: {**healthy("6.6.6"), "status": "Unhealthy"}):
        done = tenant.release(environment_id, [component(API, "6.6.6")], gate=BRIEF)
    assert (done["status"], gate_of(done)["verdict"]) == ("RolledBack", "Failed"), done


def test_of_an_unchanged_image_only_a_report_that_names_the_revision_promotes(
    walled: Platform, shop: tuple[Tenant, str]
) -> None:
    tenant, environment_id = shop
    [running] = walled.control.running(environment_id)[API]
    version = running.partition("@")[0].rpartition(":")[2]
    body = {"tenantId": tenant.tenant_id, "environmentId": environment_id}
    configuration_id = tenant.post("/configurations", {**body, "values": {"LEVEL": "debug"}}).json()["configurationId"]
    components = [component(API, version)]
    with reporting(tenant, environment_id, lambda: healthy(version)):
        done = tenant.release(environment_id, components, gate=BRIEF, configurationId=configuration_id)
    assert (done["status"], gate_of(done)["verdict"]) == ("RolledBack", "Inconclusive"), done

    answer = tenant.deploy(environment_id, components, gate=PATIENT, configurationId=configuration_id)
    deployment_id = answer.json()["deploymentId"]

    def named() -> Json:
        """By the label that its pod has, of which the gate waits for evidence."""
        gates = [one["gate"] for one in tenant.read(f"/deployments/{deployment_id}")["rolloutHistory"] if "gate" in one]
        revisions = [sample["revision"] for gate in gates for sample in gate["samples"] if sample.get("revision")]
        return {"status": "Healthy", **({"observedRevision": revisions[-1]} if revisions else {})}

    with reporting(tenant, environment_id, named):
        done = tenant.ended(deployment_id)
    assert done["status"] == "Completed", done
    assert last_sample(done)["detail"] == "reported by agent-weu"
