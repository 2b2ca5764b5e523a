"""The whole local platform with Pulumi's engine as its provisioner's: what is killed is taken up, what is changed is found.

The provider of these tests speaks to the platform's own Azure Resource Manager, as the managed identity.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.provisioner.pulumi_engine.stacks import stack_name
from localazure.layout import Layout
from localazure.supervisor.kept import IDENTITY_HEADER, secret
from tests.e2e.driving import Json, Platform, Tenant, started, until
from tests.infra.e2e.provider import AZURE, VERSION
from tests.resilience.evidence import at_phase, created_once, operation_of
from tests.resilience.processes import provisioner_of
from tests.resilience.releases import over

ENGINE_WITHIN = 240.0  # seconds: an engine, its plugin and a program start anew for each run, on a busy machine


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("states")


@pytest.fixture(scope="module")
def platform(plugins: Path, backend: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    environ = {
        "PATH": os.pathsep.join([str(plugins), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PULUMI_HOME": str(tmp_path_factory.mktemp("pulumi")),
        "PROVISIONER_ENGINE": "infra.provisioner.pulumi_engine",
        "PULUMI_BACKEND_URL": f"{backend.as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase of the tests",
        "INFRASTRUCTURE_INTERVAL_SECONDS": "5",
        "TRANSIENT_BUDGET_SECONDS": "120",
    }
    with started(tmp_path_factory.mktemp("platform") / "data", environ=environ) as running:
        yield running


def azure(platform: Platform) -> httpx.Client:
    """Azure Resource Manager, as the platform's identity enters it: for what happens behind the platform's back."""
    layout = Layout(platform.data)
    query, headers = (
        {"resource": AZURE, "api-version": "2019-08-01"},
        {"X-IDENTITY-HEADER": secret(layout.data, IDENTITY_HEADER)},
    )
    answer = httpx.get(f"{layout.url('identity')}/msi/token", params=query, headers=headers, trust_env=False)
    token = answer.raise_for_status().json()["access_token"]
    return httpx.Client(
        proxy=layout.url("proxy"),
        verify=ssl.create_default_context(cafile=str(layout.ca)),
        base_url=AZURE,
        params={"api-version": VERSION},
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )


def in_state(backend: Path, tenant: Tenant, environment_id: str) -> set[str]:
    """The ARM ids that the stack's state has."""
    name = stack_name(tenant.tenant_id, environment_id)
    state = json.loads((backend / ".pulumi" / "stacks" / "runtime-environments" / f"{name}.json").read_text())
    resources = state["checkpoint"]["latest"]["resources"]
    return {one["id"].lower() for one in resources if one["type"].startswith("azure-native:") and one.get("custom")}


def kill_with_its_engine(backend: Path, operation: str) -> None:
    """SIGKILL of everything that a container of the job holds."""
    worker = provisioner_of(operation)
    assert worker is not None
    (lock,) = (backend / ".pulumi" / "locks").rglob("*.json")
    os.kill(worker, signal.SIGKILL)
    os.killpg(int(json.loads(lock.read_text())["pid"]), signal.SIGKILL)


def settled(tenant: Tenant, operation: str) -> Json:
    return until(lambda: tenant.read(f"/operations/{operation}"), over, ENGINE_WITHIN)


def test_a_provisioner_killed_in_mid_up_is_started_again_and_leaves_no_orphan_and_no_duplicate(
    platform: Platform, backend: Path
) -> None:
    tenant = platform.fresh_tenant()
    answer = tenant.provision(computeTargets=["container-apps"])
    operation, environment_id = operation_of(answer), answer.json()["environmentId"]
    at_phase(tenant, f"/operations/{operation}", lambda one: any(step["name"] == "KeyVault" for step in one["steps"]), 120)
    kill_with_its_engine(backend, operation)

    assert settled(tenant, operation)["status"] == "Succeeded"
    own = environment_id.removeprefix("env-")
    created = {name.rpartition(" ")[2].lower() for name in created_once(platform, own)}
    assert created == in_state(backend, tenant, environment_id)
    assert list((backend / ".pulumi" / "locks").rglob("*.json")) == []

    found_and_mended(platform, tenant, environment_id)
    taken_down(platform, backend, tenant, environment_id)


def found_and_mended(platform: Platform, tenant: Tenant, environment_id: str) -> None:
    """What is deleted behind the platform's back is a finding of the environment."""
    read = f"/drift/{environment_id}"
    group = f"/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-{environment_id}"
    endpoint = f"{group}/providers/Microsoft.Network/privateEndpoints/pe-kv-{environment_id.removeprefix('env-')}"
    with azure(platform) as arm:
        arm.delete(endpoint).raise_for_status()
    [finding] = until(lambda: tenant.read(read)["findings"], bool, ENGINE_WITHIN)
    assert (finding["kind"], finding["severity"]) == ("InfrastructureMismatch", "High")
    assert "serviceId" not in finding
    assert "VaultEndpoint" in finding["actual"]


def taken_down(platform: Platform, backend: Path, tenant: Tenant, environment_id: str) -> None:
    name = tenant.read(f"/environments/{environment_id}")["name"]
    answer = tenant.post(f"/environments/{environment_id}/decommission", {"confirm": name})
    assert settled(tenant, operation_of(answer))["status"] == "Succeeded"
    with azure(platform) as arm:
        gone = arm.get(f"/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-{environment_id}")
        assert gone.status_code == 404
    stacks = backend / ".pulumi" / "stacks" / "runtime-environments"
    assert not (stacks / f"{stack_name(tenant.tenant_id, environment_id)}.json").exists()
