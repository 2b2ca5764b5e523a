"""Vaults, Bus and Credentials: the real SDK clients against the stand-ins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from azure.servicebus.aio import ServiceBusClient

import localazure.identity
import localazure.key_vault
from localazure.identity import Tokens
from localazure.key_vault import Vaults as VaultStandIn
from localazure.service_bus import Broker, Entities, QueueSpec, Subscription, TopicSpec, connection_string
from localazure.services.stand_in import HttpStandIn, Tls
from localazure.shelf import Shelf
from shared.azure.bus import Bus, Message
from shared.azure.credentials import Credentials
from shared.azure.vault import Vaults
from shared.kernel.errors import Refused, Transient
from tests.support.ports import free_port
from tests.targets.cloud import Credential

ENTITIES = Entities(queues=(QueueSpec("work"),), topics=(TopicSpec("events", (Subscription("observer"),)),))


@dataclass
class Hosted:
    broker: Broker
    connection: str

    async def received(self, count: int, subscription: bool) -> list:
        async with ServiceBusClient.from_connection_string(self.connection) as client:
            receiver = (
                client.get_subscription_receiver("events", "observer")
                if subscription
                else client.get_queue_receiver("work")
            )
            async with receiver:
                found: list = []
                while len(found) < count:
                    got = await receiver.receive_messages(max_message_count=count, max_wait_time=5)
                    assert got, f"{len(found)} of {count} arrived"
                    for message in got:
                        await receiver.complete_message(message)
                    found += got
                return found


@pytest.fixture(scope="module")
async def hosted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosted]:
    shelf, port = Shelf(tmp_path_factory.mktemp("bus") / "services.sqlite"), free_port()
    broker = Broker(shelf, port, ENTITIES)
    await broker.start()
    yield Hosted(broker, connection_string(port))
    await broker.stop()
    shelf.close()


async def test_messages_arrive_in_order_with_everything_they_carry(hosted: Hosted) -> None:
    bus = Bus(hosted.connection)
    bus.open(topics=["events"])
    sent = [
        Message(
            body=json.dumps({"n": n}).encode(),
            message_id=f"evt-{n}",
            subject="SecretRotated",
            application_properties={"cs-tenant-id": "t", "sequence": n},
            correlation_id="c",
            time_to_live=timedelta(minutes=5),
        )
        for n in range(3)
    ]
    await bus.publish("events", sent)
    await bus.publish("events", [])
    got = await hosted.received(3, subscription=True)
    assert [(one.message_id, one.subject, one.correlation_id) for one in got] == [
        (f"evt-{n}", "SecretRotated", "c") for n in range(3)
    ]
    assert got[2].application_properties == {b"cs-tenant-id": b"t", b"sequence": 2}
    assert json.loads(str(got[2])) == {"n": 2}
    await bus.close()


async def test_many_coroutines_share_one_sender_and_more_than_fits_into_a_batch_is_sent(hosted: Hosted) -> None:
    bus = Bus(hosted.connection)
    many = [Message(b"x" * 60_000, f"m-{n}") for n in range(12)]  # no batch of 256 KiB holds them
    await asyncio.gather(*(bus.send("work", many[n : n + 6]) for n in (0, 6)))
    got = await hosted.received(12, subscription=False)
    assert {one.message_id for one in got} == {one.message_id for one in many}
    await bus.close()


async def test_an_unknown_queue_is_refused_and_a_lost_broker_is_transient_until_it_is_back(hosted: Hosted) -> None:
    bus = Bus(hosted.connection)
    with pytest.raises(Refused):
        await bus.send("nowhere", [Message(b"x", "m")])
    await bus.send("work", [Message(b"x", "before")])
    await hosted.broker.stop()
    with pytest.raises(Transient):
        await bus.send("work", [Message(b"x", "lost")])
    await hosted.broker.start()
    await bus.send("work", [Message(b"x", "after")])
    got = await hosted.received(2, subscription=False)
    assert [one.message_id for one in got] == ["before", "after"]
    await bus.close()


@dataclass
class VaultHost:
    stand_in: VaultStandIn
    listener: HttpStandIn
    make: Callable[[], Vaults]


@pytest.fixture
async def vault(tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[VaultHost]:
    from azure.core.pipeline.transport import AioHttpTransport

    shelf, port = Shelf(tmp_path / "services.sqlite"), free_port()
    stand_in = VaultStandIn(shelf)
    stand_in.create("kv-one")
    listener = HttpStandIn(localazure.key_vault.application(stand_in), port, tls)
    await listener.start()

    class Rerouted(AioHttpTransport):
        """To loopback, with the Host header of the vault: the job of the local CONNECT proxy."""

        async def send(self, request, **options):
            asked = request.url
            request.headers["Host"] = "kv-one.vault.azure.net"
            request.url = asked.replace("https://kv-one.vault.azure.net", f"https://127.0.0.1:{port}")
            try:
                return await super().send(request, **options)
            finally:
                request.url = asked

    vaults = Vaults(Credential, transport=Rerouted(connection_verify=str(tls.certificate)))
    yield VaultHost(stand_in, listener, lambda: vaults)
    await vaults.close()
    await listener.stop()
    shelf.close()


async def test_versions_come_newest_first_and_an_absent_secret_has_none(vault: VaultHost) -> None:
    uri = "https://kv-one.vault.azure.net/"
    made = []
    for value in ("one", "two"):
        made.append(vault.stand_in.set_secret(uri, "sql", value)["id"].rpartition("/")[2])
        await asyncio.sleep(1.05)  # Key Vault's times are whole seconds
    vaults = vault.make()
    versions = await vaults.versions(uri, "sql")
    assert [one.version for one in versions] == made[::-1]
    assert all(one.enabled and one.created_on for one in versions)
    assert await vaults.versions(uri, "never-was") == []

    await vaults.disable(uri, "sql", made[0])
    assert [(one.version, one.enabled) for one in await vaults.versions(uri, "sql")] == [(made[1], True), (made[0], False)]
    await vaults.disable(uri, "sql", "0" * 32)  # an absent version counts as disabled


async def test_a_vault_that_is_down_is_transient(vault: VaultHost) -> None:
    await vault.listener.stop()
    with pytest.raises(Transient) as told:
        await vault.make().versions("https://kv-one.vault.azure.net/", "sql")
    assert told.value.dependency == "keyVault"


async def test_the_managed_identity_signs_in_at_its_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, port = Tokens.kept(tmp_path / "identity.key"), free_port()
    listener = HttpStandIn(localazure.identity.application(tokens, "header"), port)
    await listener.start()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    credentials = Credentials()
    token = await credentials.get().get_token("https://vault.azure.net/.default")
    assert tokens.accepts(token.token, "https://vault.azure.net")
    await credentials.close()
    await listener.stop()
