"""Secret bindings: references to what the vault lists, never a value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from shared.access.caller import Caller
from shared.kernel.errors import EnvironmentNotReady, NotFound, Transient, ValidationFailed
from shared.operations.intent import Answer
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.secrets.model import BindRequest, SecretBinding
from shared.runtime.secrets.reading import Bindings
from shared.runtime.secrets.service import Binding
from tests.unit.doubles.vault import VAULT
from tests.unit.doubles.world import CALLER, ENVIRONMENT, World, owned

V1, V2, V3 = ("1" * 32, "2" * 32, "3" * 32)
OTHER_VAULT = "https://kv-shared.vault.azure.net"


def request(*secrets: dict[str, Any], vault_uri: str = VAULT, **fields: Any) -> BindRequest:
    return BindRequest.read(owned({"serviceId": "api", "vaultUri": vault_uri, "secrets": list(secrets), **fields}))


async def answered(world: World, wanted: BindRequest, binding: Binding | None = None) -> Answer:
    return await (binding or world.binding).bind(world.intent(wanted), await world.admitted(), wanted)


async def bound(world: World, *secrets: dict[str, Any]) -> SecretBinding:
    return await Bindings(world.store).get(CALLER, await world.bind(*secrets))


async def refusal(world: World, wanted: BindRequest) -> dict[str, list[str]]:
    with pytest.raises(ValidationFailed) as caught:
        await answered(world, wanted)
    assert await world.entries() == []
    return caught.value.errors


async def test_the_answer_has_the_seeds_fields(world: World) -> None:
    world.vault.holds("db-password", V1)
    answer = await answered(world, request({"name": "db", "secretName": "db-password"}))
    ident = answer.body["secretBindingId"]
    assert (answer.status, answer.location) == (201, f"/secret-bindings/{ident}")
    assert answer.body == {"secretBindingId": ident, "status": "Bound", "traceId": CALLER.trace_id}


async def test_the_newest_enabled_version_is_bound(world: World) -> None:
    world.vault.holds("db-password", V3, V2, V1, disabled=[V3])
    binding = await bound(world, {"name": "db", "secretName": "db-password"})
    assert [secret.version for secret in binding.secrets] == [V2]


async def test_a_version_that_is_named_is_bound_although_there_are_newer_ones(world: World) -> None:
    world.vault.holds("db-password", V3, V2, V1)
    binding = await bound(world, {"name": "db", "secretName": "db-password", "version": V1})
    assert [secret.version for secret in binding.secrets] == [V1]


async def test_each_secret_without_an_enabled_version_is_named(world: World) -> None:
    world.vault.holds("fine", V1)
    world.vault.holds("disabled", V2, V1, disabled=[V1, V2])
    world.vault.holds("other-version", V2)
    errors = await refusal(
        world,
        request(
            {"name": "a", "secretName": "fine"},
            {"name": "b", "secretName": "disabled"},
            {"name": "c", "secretName": "absent"},
            {"name": "d", "secretName": "other-version", "version": V1},
        ),
    )
    assert list(errors) == ["secrets[1]", "secrets[2]", "secrets[3]"]
    assert "disabled" in errors["secrets[1]"][0]
    assert "absent" in errors["secrets[2]"][0]


async def test_a_named_version_that_is_disabled_is_refused(world: World) -> None:
    world.vault.holds("db-password", V2, V1, disabled=[V1])
    assert await refusal(world, request({"name": "db", "secretName": "db-password", "version": V1}))


async def test_a_vault_that_is_neither_the_environments_nor_allowed_is_never_asked(world: World) -> None:
    errors = await refusal(world, request({"name": "db", "secretName": "db"}, vault_uri=OTHER_VAULT))
    assert list(errors) == ["vaultUri"]
    assert world.vault.asked == []


async def test_a_vault_that_the_tenant_binding_allows_will_do(world: World) -> None:
    world.vault.holds("db", V1)
    await world.bind_tenant(allowed_vaults=(f"{OTHER_VAULT}/",))
    wanted = request({"name": "db", "secretName": "db"}, vault_uri=OTHER_VAULT)
    assert (await answered(world, wanted)).status == 201


async def test_the_platforms_list_counts_only_where_the_tenant_binding_has_none(world: World) -> None:
    world.vault.holds("db", V1)
    platform = replace(world.binding, vaults=frozenset({OTHER_VAULT}))
    wanted = request({"name": "db", "secretName": "db"}, vault_uri=OTHER_VAULT)
    assert (await answered(world, wanted, platform)).status == 201
    await world.bind_tenant(allowed_vaults=())
    with pytest.raises(ValidationFailed):
        await answered(world, wanted, platform)


async def test_an_environment_without_a_vault_allows_none_by_accident() -> None:
    world = await World().provision(outputs={})
    assert list(await refusal(world, request({"name": "db", "secretName": "db"}))) == ["vaultUri"]


async def test_a_name_is_bound_once(world: World) -> None:
    world.vault.holds("one", V1)
    world.vault.holds("two", V1)
    errors = await refusal(world, request({"name": "db", "secretName": "one"}, {"name": "db", "secretName": "two"}))
    assert list(errors) == ["secrets"]


async def test_a_vault_that_cannot_be_asked_binds_nothing(world: World) -> None:
    class Away:
        async def versions(self, vault_uri: str, secret_name: str) -> list[Any]:
            raise Transient("keyVault")

    with pytest.raises(Transient):
        await answered(
            world,
            request({"name": "db", "secretName": "db"}),
            replace(world.binding, vault=Away()),
        )
    assert await world.entries() == []


async def test_an_environment_that_is_not_ready_binds_nothing() -> None:
    world = await World().provision(status=EnvironmentStatus.DECOMMISSIONING)
    with pytest.raises(EnvironmentNotReady):
        await world.bind({"name": "db", "secretName": "db"})


@pytest.mark.parametrize(
    "uri",
    [
        "http://kv-orders.vault.azure.net",
        "https://kv-orders.vault.azure.net.evil.example",
        "https://evil.example/kv-orders.vault.azure.net",
        "https://kv-orders.vault.azure.net:8443",
        "https://user@kv-orders.vault.azure.net",
        "https://kv-orders.vault.azure.net/secrets/x",
        "https://KV-orders.vault.azure.net",
        "",
    ],
)
def test_what_is_no_vault_of_azure_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError):
        request({"name": "db", "secretName": "db"}, vault_uri=uri)


@pytest.mark.parametrize(
    "secret",
    [
        {"name": "db", "secretName": "db", "value": "hunter2"},
        {"name": "db", "secretName": "../keys/x"},
        {"name": "", "secretName": "db"},
        {"name": "db", "secretName": "db", "version": "latest"},
    ],
)
def test_values_and_odd_names_are_refused(secret: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(secret)


async def test_nothing_that_is_stored_or_logged_can_hold_a_value(world: World) -> None:
    world.vault.holds("db-password", V1)
    binding = await bound(world, {"name": "db", "secretName": "db-password"})
    assert binding.document()["secrets"] == [{"name": "db", "secretName": "db-password", "version": V1}]


async def test_another_tenants_binding_is_not_there(world: World) -> None:
    world.vault.holds("db-password", V1)
    ident = await world.bind({"name": "db", "secretName": "db-password"})
    stranger = Caller("other", "eve", "c", CALLER.scopes, "trace-2")
    with pytest.raises(NotFound):
        await Bindings(world.store).get(stranger, ident)
    found, _ = await Bindings(world.store).page(CALLER, ENVIRONMENT, 10, "")
    assert [one.secret_binding_id for one in found] == [ident]
