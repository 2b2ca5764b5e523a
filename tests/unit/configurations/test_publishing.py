"""Configurations: immutable, counted per environment and module, and never a place for secrets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.access.caller import Caller
from shared.kernel.errors import EnvironmentNotReady, NotFound, ValidationFailed
from shared.operations.intent import Answer
from shared.runtime.configurations.model import Configuration, PublishRequest, as_variable, looks_like_a_secret
from shared.runtime.environments.model import EnvironmentStatus
from shared.store.port import Conflict
from tests.unit.doubles.world import CALLER, ENVIRONMENT, World, owned

TRIES = 40


async def published(world: World, values: dict[str, Any], module_id: str | None = None) -> Configuration:
    return await world.configurations.get(CALLER, await world.publish(values, module_id))


async def test_the_answer_and_the_record(world: World) -> None:
    request = PublishRequest.read(owned({"values": {"MODE": "fast", "N": 3}, "comment": "a first one"}))
    answer = await world.publishing.publish(world.intent(request), await world.admitted(), request)
    ident = answer.body["configurationId"]
    assert answer.status == 201
    assert answer.location == f"/configurations/{ident}"
    assert answer.body.keys() == {"configurationId", "version", "contentHash", "status", "traceId"}
    assert (answer.body["version"], answer.body["status"]) == (1, "Published")
    stored = await world.configurations.get(CALLER, ident)
    assert (stored.values, stored.comment, stored.published_by) == ({"MODE": "fast", "N": 3}, "a first one", "ada")


async def test_versions_count_per_module_and_for_the_environment(world: World) -> None:
    modules = [None, "api", "api", "web", None, "api"]
    versions = [(await published(world, {"N": number}, module)).version for number, module in enumerate(modules)]
    assert versions == [1, 1, 2, 1, 2, 3]


async def test_racing_publications_get_versions_without_gap_or_repeat(world: World) -> None:
    async def publish(number: int) -> Answer:
        request = PublishRequest.read(owned({"values": {"N": number}, "moduleId": "api"}))
        intent, admitted = world.intent(request), await world.admitted()
        for _ in range(TRIES):
            await asyncio.sleep(0)
            try:
                return await world.publishing.publish(intent, admitted, request)
            except Conflict:  # as the pipeline does: run it again from its read
                continue
        raise AssertionError("never got through")

    answers = await asyncio.gather(*[publish(number) for number in range(20)])
    assert sorted(answer.body["version"] for answer in answers) == list(range(1, 21))


async def test_two_that_read_the_same_counter_are_not_both_committed(world: World) -> None:
    await world.publish({"N": 0})
    request = PublishRequest.read(owned({"values": {"N": 1}}))
    admitted = await world.admitted()
    inner, others = world.store.get, [True]

    async def get(partition: str, key: str) -> Any:
        row = await inner(partition, key)
        if key.startswith("cfgv-") and others.pop():
            others.append(False)
            await world.publish({"N": 2})
        return row

    world.store.get = get  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        await world.publishing.publish(world.intent(request), admitted, request)


async def test_the_content_hash_is_of_the_values_alone(world: World) -> None:
    one, two = await published(world, {"A": 1, "B": "x"}), await published(world, {"B": "x", "A": 1}, "api")
    assert one.content_hash == two.content_hash
    assert one.content_hash != (await published(world, {"A": 1, "B": "y"})).content_hash


async def test_values_come_back_as_the_kinds_they_were(world: World) -> None:
    values = {"T": True, "I": 1, "F": 1.0, "S": "1", "E": ""}
    stored = (await published(world, values)).values
    assert {key: type(value) for key, value in stored.items()} == {key: type(value) for key, value in values.items()}


def test_values_as_environment_variables() -> None:
    assert [as_variable(value) for value in (True, False, 1, 0.5, "x")] == ["true", "false", "1", "0.5", "x"]


SECRETS = [
    ("PASSWORD", "changeme"),
    ("DB_PASSWORD", "x"),
    ("dbPassword", "x"),
    ("PASSWD", "x"),
    ("PWD", "x"),
    ("PASSPHRASE", "x"),
    ("CLIENT_SECRET", "x"),
    ("clientSecret", "x"),
    ("SECRET_KEY", "x"),
    ("ACCESS_TOKEN", "x"),
    ("API_KEY", "x"),
    ("apikey", "x"),
    ("PRIVATE_KEY", "x"),
    ("AWS_SECRET_ACCESS_KEY", "x"),
    ("STORAGE_ACCOUNT_KEY", "x"),
    ("SIGNING_KEY", "x"),
    ("ConnectionString", "x"),
    ("SQL_CONNECTION_STRING", "x"),
    ("AZURE_CREDENTIALS", "x"),
    ("BLOB_SAS", "x"),
    ("PIN_PASSCODE", 4711),
    ("PASSWORD", 12345678),
    ("A", "-----BEGIN RSA PRIVATE KEY-----\nMII"),
    ("A", "-----BEGIN PRIVATE KEY-----"),
    ("A", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=abc"),
    ("A", "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=abc"),
    ("A", "Server=tcp:x;User ID=sa;Password=abc"),
    ("A", "Server=tcp:x;Uid=sa;Pwd = abc"),
    ("A", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"),
    ("A", "https://x.blob.core.windows.net/c?sv=2024&sig=abcdefghijklmnopqrstuvwxyz%3D"),
    ("A", "postgres://orders:hunter2@db:5432/orders"),
    ("A", "redis://:hunter2@cache:6379"),
    ("A", "amqps://guest:guest@bus"),
    ("A", "Bearer abcdef0123456789"),
    ("A", "ghp_abcdefghijklmnop"),
    ("A", "github_pat_11ABCDEFG0123456789"),
    ("A", "xoxb-123456789012-abcdef"),
    ("A", "AKIAIOSFODNN7EXAMPLE"),
    ("A", "Xk2P9vQz7LmN4tRw8YbC1dFgH5jKs0aE"),
    ("A", "3q2+7wAAAAB/rY9mQm1cU5nV0sH8dJ4kLpXzE6tWbGc="),
]
NO_SECRETS = [
    ("PASSWORD", ""),
    ("PASSWORD_REQUIRED", True),
    ("USE_TOKEN", False),
    ("PASSWORD_MIN_LENGTH", 12),
    ("TOKEN_URL", "https://login.example.com/oauth/token"),
    ("SECRET_NAME", "db-password"),
    ("KEY_COUNT", 3),
    ("PRIMARY_KEY_COLUMN", "id"),
    ("TOKENIZER", "bpe"),
    ("REGION", "arkansas"),
    ("KANSAS", "kansas"),
    ("MONKEY", "curious"),
    ("MODE", "fast"),
    ("LOG_LEVEL", "Information"),
    ("TIMEOUT", 30),
    ("RATIO", 0.75),
    ("ENDPOINT", "https://api.example.com:8443/v1/orders?page=1"),
    ("EMAIL", "ops@example.com"),
    ("MAILTO", "mailto:ops@example.com"),
    ("BUILD", "550e8400-e29b-41d4-a716-446655440000"),
    ("COMMIT", "9fceb02d0ae598e95dc970b74767f19372d61af8"),
    ("DIGEST", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ("CHECKSUM", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ("HOST", "orders-service-production-westeurope-001-primary"),
    ("GROUP", "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-orders-prod-westeurope"),
    ("FLAG", "ThisIsTheLongNameOfAFeatureFlagThatSomebodyMade"),
    ("SENTENCE", "The quick brown fox jumps over the lazy dog, then rests."),
    ("LIST", "alpha,beta,gamma,delta,epsilon,zeta,eta,theta"),
    ("CRON", "0 */5 * * * *"),
    ("IMAGE", "acr.azurecr.io/team/orders-api:2026.06.11-1"),
    ("AUTH_MODE", "basic"),
    ("TIMEZONE", "Europe/Berlin"),
    ("CONNECTIONS", "100"),
]


@pytest.mark.parametrize(("key", "value"), SECRETS)
async def test_what_looks_like_a_secret_is_refused_by_its_key_and_never_echoed(world: World, key: str, value: Any) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.publish({"FINE": "fine", key: value})
    assert list(caught.value.errors) == [f"values.{key}"]
    if len(str(value)) > 3:
        assert str(value) not in json.dumps(caught.value.errors)
        assert str(value) not in str(caught.value)
    assert await world.entries() == []


@pytest.mark.parametrize(("key", "value"), NO_SECRETS)
def test_ordinary_values_are_none(key: str, value: Any) -> None:
    assert not looks_like_a_secret(key, value)


def test_both_tables_are_long_enough() -> None:
    assert min(len(SECRETS), len(NO_SECRETS)) >= 30


async def test_every_offending_key_is_named_at_once(world: World) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.publish({"PASSWORD": "a", "API_KEY": "b", "X": {"secretRef": "sec-" + "0" * 32 + "/db"}})
    assert set(caught.value.errors) == {"values.PASSWORD", "values.API_KEY", "values.X"}


async def test_a_reference_names_a_secret_that_is_bound_here(world: World) -> None:
    world.vault.holds("db-password", "1" * 32)
    binding = await world.bind({"name": "db", "secretName": "db-password"})
    assert (await published(world, {"PASSWORD": {"secretRef": f"{binding}/db"}})).version == 1
    elsewhere = f"sec-{'b' * 16}{binding[-16:]}"
    for reference in (f"{binding}/other", f"{elsewhere}/db", "sec-" + "f" * 32 + "/db"):
        with pytest.raises(ValidationFailed) as caught:
            await world.publish({"DB": {"secretRef": reference}})
        assert list(caught.value.errors) == ["values.DB"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"1ST": "x"},
        {"A B": "x"},
        {"A": None},
        {"A": [1]},
        {"A": {"value": "x"}},
        {"A": {"secretRef": "db"}},
        {"A": {"secretRef": "sec-1/db", "x": 1}},
        {"A": "x" * 16385},
        {f"K{number}": 1 for number in range(501)},
    ],
)
def test_malformed_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PublishRequest.read(owned({"values": values}))


async def test_an_environment_that_is_not_ready_takes_none() -> None:
    world = await World().provision(status=EnvironmentStatus.FAILED)
    with pytest.raises(EnvironmentNotReady):
        await world.publish({"A": 1})


async def test_they_are_found_by_their_tenant_and_environment_only(world: World) -> None:
    ident = await world.publish({"A": 1})
    stranger = Caller("other", "eve", "c", CALLER.scopes, "trace-2")
    with pytest.raises(NotFound):
        await world.configurations.get(stranger, ident)
    with pytest.raises(NotFound):
        await world.configurations.page(stranger, ENVIRONMENT, 10, "")
    assert await world.configurations.find(world.place, ENVIRONMENT) is None


async def test_they_are_listed_newest_first(world: World) -> None:
    made = []
    for number in range(3):
        world.clock.advance(1)
        made.append(await world.publish({"N": number}))
    found, after = await world.configurations.page(CALLER, ENVIRONMENT, 2, "")
    assert [one.configuration_id for one in found] == [made[2], made[1]]
    rest, last = await world.configurations.page(CALLER, ENVIRONMENT, 2, after or "")
    assert ([one.configuration_id for one in rest], last) == ([made[0]], None)
