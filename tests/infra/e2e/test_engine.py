"""The real engine on the real program: up, nothing to do, drift, failure and resume, kill and resume, cancel, destroy."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from infra.environment import pooled
from infra.environment.owned import pool_ground
from infra.provisioner.pulumi_engine.stacks import stack_name
from shared.kernel.errors import Refused, Superseded, Transient
from tests.infra.cloud import record
from tests.infra.e2e.conftest import ROOT, Local

DEV = {"stage": "dev", "compute_targets": ["container-apps"]}
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-env-0123456789abcdef"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-0123456789abcdef"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-0123456789abcdef"
STACK = stack_name("connectsoft", "env-0123456789abcdef")


def environment(**changed: Any) -> dict[str, Any]:
    return record(**{**DEV, **changed}).document()


class Steps:
    """What was reported. `refuse_at`: a step from which on this attempt has been replaced."""

    def __init__(self, refuse_at: str = "") -> None:
        self.noted: list[tuple[str, str]] = []
        self.refuse_at = refuse_at

    async def __call__(self, step: str, status: str, detail: str) -> None:
        assert detail
        if step == self.refuse_at:
            raise Superseded("op", 1)
        self.noted.append((step, status))

    def ended(self) -> set[str]:
        return {step for step, status in self.noted if status == "Succeeded"}


async def test_it_is_made_once_compared_and_unmade(local: Local) -> None:
    steps = Steps()
    outputs = await local.engine.make(environment(), arm=local.arm, progress=steps)
    assert outputs["vaultUri"] == "https://kv-0123456789abcdef.vault.azure.net/"
    assert {"ResourceGroup", "KeyVault", "KeyVaultAccess", "ManagedEnvironment", "VaultNotices"} <= steps.ended()
    vault = await local.arm.get(VAULT)
    assert vault is not None
    assert vault["properties"]["publicNetworkAccess"] == "Disabled"
    assert vault["tags"]["cs-environment-id"] == "env-0123456789abcdef"
    topic = await local.arm.get(f"{GROUP}/providers/Microsoft.EventGrid/systemTopics/evgt-0123456789abcdef")
    assert topic is not None
    assert topic["properties"]["source"] == VAULT

    made, again = dict(local.azure.made), Steps()
    later = environment(operation_id="op-0123456789abcdeffedcba9876543210", attempt=4)
    local.azure.reached.clear()
    assert await local.engine.make(later, arm=local.arm, progress=again) == outputs
    assert again.noted == []  # another operation, and nothing to do
    assert local.azure.reached == []
    assert dict(local.azure.made) == made
    assert await local.engine.inspect(environment(), arm=local.arm) == []

    before = local.state_of(STACK)
    vault["properties"]["publicNetworkAccess"] = "Enabled"
    await local.arm.put(VAULT, "2025-01-01", {name: vault[name] for name in ("location", "tags", "properties")})
    await local.arm.delete(f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-kv-0123456789abcdef")
    found = {one["resource"]: one for one in await local.engine.inspect(environment(), arm=local.arm)}
    assert set(found) == {"KeyVault", "VaultEndpoint", "VaultEndpointName"}
    assert found["KeyVault"]["change"] == "update"
    assert any("ublicNetworkAccess" in field or field == "properties" for field in found["KeyVault"]["properties"])
    assert found["VaultEndpoint"]["change"] == "delete"
    assert local.state_of(STACK) == before  # looking changes nothing

    gone = Steps()
    await local.engine.destroy(environment(), arm=local.arm, progress=gone)
    assert await local.arm.get(GROUP) is None
    assert "KeyVault" in gone.ended()
    await local.engine.destroy(environment(), arm=local.arm, progress=Steps())  # absent counts as gone


async def test_a_failure_in_the_middle_is_told_and_the_next_attempt_goes_on_from_there(local: Local) -> None:
    local.azure.faults["/managedEnvironments/cae-0123456789abcdef"] = (400, "QuotaExceeded")
    steps = Steps()
    with pytest.raises(Refused) as refused:
        await local.engine.make(environment(), arm=local.arm, progress=steps)
    assert (refused.value.dependency, refused.value.code) == ("pulumi", "QuotaExceeded")
    assert ("ManagedEnvironment", "Failed") in steps.noted
    made = dict(local.azure.made)
    local.azure.faults.clear()
    await local.engine.make(environment(attempt=2), arm=local.arm, progress=Steps())
    assert set(local.azure.made.values()) == {1}
    assert made.items() < local.azure.made.items()


async def test_azure_that_is_away_is_no_refusal(local: Local) -> None:
    local.azure.faults["/vaults/kv-0123456789abcdef"] = (503, "ServiceUnavailable")
    with pytest.raises(Transient):
        await local.engine.make(environment(), arm=local.arm, progress=Steps())


async def test_an_attempt_that_was_replaced_ends_what_is_under_way_and_lets_go(local: Local) -> None:
    with pytest.raises(Superseded):
        await local.engine.make(environment(), arm=local.arm, progress=Steps(refuse_at="KeyVault"))
    assert local.locks() == []
    await local.engine.make(environment(attempt=2), arm=local.arm, progress=Steps())
    assert set(local.azure.made.values()) == {1}


async def test_a_cancelled_task_ends_what_is_under_way_and_lets_go(local: Local) -> None:
    local.azure.held["/vaults/kv-0123456789abcdef"] = held = asyncio.Event()
    making = asyncio.create_task(local.engine.make(environment(), arm=local.arm, progress=Steps()))
    await local.azure.until("/vaults/kv-0123456789abcdef")
    making.cancel()
    await asyncio.sleep(0.5)
    held.set()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert local.locks() == []
    await local.engine.make(environment(attempt=2), arm=local.arm, progress=Steps())
    assert set(local.azure.made.values()) == {1}


def attempt(local: Local, given: dict[str, Any]) -> subprocess.Popen[bytes]:
    """The provisioner's part in a process of its own."""
    command = [sys.executable, "-m", "tests.infra.e2e.attempt", json.dumps(given), local.azure.url]
    environ = {**os.environ, "TESTS_BACKEND": local.settings.backend_url, "TESTS_PASSPHRASE": local.settings.passphrase}
    return subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True)


async def killed(process: subprocess.Popen[bytes], local: Local) -> None:
    """With its engine, which has a session of its own with its plugins."""
    (lock,) = local.locks()
    engine = int(json.loads(lock.read_text())["pid"])
    os.kill(process.pid, signal.SIGKILL)
    os.killpg(engine, signal.SIGKILL)
    await asyncio.to_thread(process.wait)


async def test_killed_with_its_engine_in_mid_create_the_next_attempt_adopts_what_reached_azure(local: Local) -> None:
    """kill -9 of the whole container: what was being made is in Azure and not in the state, which stays locked."""
    local.azure.held["/vaults/kv-0123456789abcdef"] = held = asyncio.Event()
    process = attempt(local, environment())
    await local.azure.until("/vaults/kv-0123456789abcdef")
    await killed(process, local)
    held.set()
    local.azure.held.clear()
    assert len(local.locks()) == 1
    assert VAULT not in local.state_of(STACK)

    steps = Steps()
    outputs = await local.engine.make(environment(attempt=2), arm=local.arm, progress=steps)
    assert outputs["vaultUri"] == "https://kv-0123456789abcdef.vault.azure.net/"
    assert ("StateLock", "Succeeded") in steps.noted
    assert set(local.azure.made.values()) == {1}  # no orphan, no duplicate
    assert VAULT in local.state_of(STACK)
    assert await local.engine.inspect(environment(attempt=3), arm=local.arm) == []
    assert local.locks() == []


async def test_killed_without_its_engine_the_engine_ends_by_itself_and_nothing_is_made_twice(local: Local) -> None:
    """kill -9 of the provisioner alone: its engine is an orphan that has lost its program."""
    local.azure.held["/vaults/kv-0123456789abcdef"] = held = asyncio.Event()
    process = attempt(local, environment())
    await local.azure.until("/vaults/kv-0123456789abcdef")
    os.kill(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    second = asyncio.create_task(local.engine.make(environment(attempt=2), arm=local.arm, progress=Steps()))
    await asyncio.sleep(1)
    held.set()
    local.azure.held.clear()
    await second
    assert set(local.azure.made.values()) == {1}
    assert local.locks() == []


async def test_what_somebody_else_made_under_our_name_is_not_adopted(local: Local) -> None:
    await local.arm.put(GROUP, "2025-01-01", {"location": "westeurope", "tags": {"cs-environment-id": "env-other"}})
    with pytest.raises(Refused) as refused:
        await local.engine.make(environment(), arm=local.arm, progress=Steps())
    assert refused.value.code == "ForeignResource"
    assert await local.arm.get(IDENTITY) is None


async def test_a_lock_that_is_somebody_elses_is_left_alone(local: Local) -> None:
    await local.engine.make(environment(), arm=local.arm, progress=Steps())
    folder = local.backend / ".pulumi" / "locks" / "organization" / "runtime-environments" / STACK
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "00000000-0000-4000-8000-000000000000.json"
    content = {"pid": 1, "username": "ada", "hostname": "a-laptop", "timestamp": "2026-11-24T20:00:00Z"}
    lock.write_text(json.dumps(content))
    with pytest.raises(Transient):
        await local.engine.make(environment(attempt=2), arm=local.arm, progress=Steps())
    assert lock.exists()


async def test_data_that_is_to_be_retained_stays_with_the_group_it_is_in(local: Local) -> None:
    await local.engine.make(environment(), arm=local.arm, progress=Steps())
    await local.engine.destroy(environment(retain_data=True), arm=local.arm, progress=Steps())
    assert await local.arm.get(VAULT) is not None
    assert await local.arm.get(f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-0123456789abcdef")
    assert await local.arm.get(IDENTITY) is None
    assert await local.arm.get(f"{GROUP}/providers/Microsoft.App/managedEnvironments/cae-0123456789abcdef") is None


async def test_with_retained_data_too_nothing_is_left_that_a_lost_attempt_began(local: Local) -> None:
    begun = f"{GROUP}/providers/Microsoft.App/managedEnvironments/cae-0123456789abcdef"
    local.azure.held[begun] = held = asyncio.Event()
    process = attempt(local, environment())
    await local.azure.until(begun)
    await killed(process, local)
    held.set()
    await local.engine.destroy(environment(attempt=2, retain_data=True), arm=local.arm, progress=Steps())
    assert await local.arm.get(begun) is None
    assert await local.arm.get(VAULT) is not None


async def test_two_tenants_equal_names_never_meet(local: Local) -> None:
    other = environment(
        tenant_id="another tenant",
        environment_id="env-fedcba9876543210",
        placement={"subscriptionId": "00000000-0000-4000-8000-000000000001", "resourceGroup": "rg-env-fedcba9876543210"},
    )
    await local.engine.make(environment(), arm=local.arm, progress=Steps())
    await local.engine.make(other, arm=local.arm, progress=Steps())
    await local.engine.destroy(other, arm=local.arm, progress=Steps())
    assert await local.arm.get(VAULT) is not None
    assert local.state_of(STACK)


async def test_a_pooled_environment_needs_its_pool(local: Local) -> None:
    with pytest.raises(Refused) as refused:
        await local.engine.make(environment(isolation_model="pool"), arm=local.arm, progress=Steps())
    assert refused.value.code == "PoolMissing"


async def test_an_environment_in_a_pool_stands_on_what_is_found_by_the_pools_names(local: Local) -> None:
    ground = pool_ground("00000000-0000-4000-8000-000000000001", "dev", "westeurope")
    located: dict[str, Any] = {"location": "westeurope", "tags": dict(ground.tags)}
    vault = {"tenantId": "t", "sku": {"family": "A", "name": "standard"}}
    await local.arm.put(ground.group_id, "2025-01-01", located)
    for one in pooled.needed(ground, ["container-apps"]):
        properties = vault if one.step == "KeyVault" else {}
        await local.arm.put(one.id, "2025-01-01", {**located, "properties": properties})
    outputs = await local.engine.make(environment(isolation_model="pool"), arm=local.arm, progress=Steps())
    assert outputs["managedEnvironmentId"].startswith(f"{ground.group_id}/providers/Microsoft.App/managedEnvironments/")
    assert outputs["vaultUri"] == "https://kv-0123456789abcdef.vault.azure.net/"
    endpoint = await local.arm.get(f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-kv-0123456789abcdef")
    assert endpoint is not None
    assert endpoint["properties"]["subnet"]["id"].startswith(ground.group_id)


async def test_secrets_in_a_state_are_encrypted(local: Local) -> None:
    import pulumi

    from infra.provisioner.pulumi_engine import PulumiEngine

    def program(*_: Any) -> Any:
        return lambda: pulumi.export("secret", pulumi.Output.secret("as plain as day"))

    engine = PulumiEngine(local.settings, program)
    outputs = await engine.make(environment(), arm=local.arm, progress=Steps())
    assert outputs == {"secret": "as plain as day"}
    state = local.state_of(STACK)
    assert "as plain as day" not in state
    assert "ciphertext" in state
