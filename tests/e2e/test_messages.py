"""What comes over queues: a message that nobody can read, a vault's word of a version that ends, rotations that meet."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusSubQueue

from tests.e2e.driving import API, Json, Platform, Tenant, component, until
from tests.e2e.observer import Observer

QUICK = {"stableSeconds": 1}
TOPIC, OWN, NOTICES, WORK, ERRORS = "runtime-events", "runtime-app", "runtime-notices", "runtime-work", "runtime-errors"
MOST = 1000  # messages that a look at a queue sees


@dataclass(frozen=True)
class Bus:
    """Somebody else's client of the namespace. It looks at queues and takes nothing from them."""

    connection: str

    def tell(self, destination: str, body: bytes) -> str:
        """The message's id."""
        message = ServiceBusMessage(body, message_id=f"m-{uuid.uuid4().hex}")
        with ServiceBusClient.from_connection_string(self.connection) as client:
            topic = destination == TOPIC
            opened = client.get_topic_sender(TOPIC) if topic else client.get_queue_sender(destination)
            with opened as sender:
                sender.send_messages(message)
        return str(message.message_id)

    def standing(self, source: str, message_id: str, *, dead: bool = False) -> list[ServiceBusReceivedMessage]:
        """Copies of a message that wait in a queue, or in the app's subscription; with `dead`, among its dead letters."""
        letters = {"sub_queue": ServiceBusSubQueue.DEAD_LETTER} if dead else {}
        with ServiceBusClient.from_connection_string(self.connection) as client:
            subscription = source == OWN
            opened = (
                client.get_subscription_receiver(TOPIC, OWN, **letters)
                if subscription
                else client.get_queue_receiver(source, **letters)
            )
            with opened as receiver:
                return [one for one in receiver.peek_messages(MOST) if one.message_id == message_id]


@pytest.fixture(scope="module")
def bus(platform: Platform) -> Bus:
    return Bus(platform.endpoints["serviceBus"])


@pytest.mark.parametrize(
    ("destination", "source", "body", "reason"),
    [
        (TOPIC, OWN, b'{"eventType": "RuntimeInventoryUpdated", "payload": {}}', "eventId: missing"),
        (NOTICES, NOTICES, b'{"id": "1", "eventType": "Microsoft.KeyVault.SecretNearExpiry"}', "data: missing"),
        (WORK, WORK, b"{", "body: json_invalid"),
    ],
    ids=[OWN, NOTICES, WORK],
)
def test_what_cannot_be_read_goes_to_the_error_queue_once_with_its_reason(
    bus: Bus, destination: str, source: str, body: bytes, reason: str
) -> None:
    ident = bus.tell(destination, body)
    [kept] = until(lambda: bus.standing(ERRORS, ident), bool)
    told = {name: value.decode() for name, value in (kept.application_properties or {}).items()}  # type: ignore[union-attr]
    assert b"".join(kept.body) == body
    assert kept.subject == "Malformed"
    assert told[b"cs-source"] == source
    assert reason in told[b"cs-reason"].split(", ")
    assert bus.standing(source, ident) == []
    assert bus.standing(source, ident, dead=True) == []
    assert len(bus.standing(ERRORS, ident)) == 1


@dataclass(frozen=True)
class Ground:
    """A service that runs with secrets, each by a binding of its own."""

    platform: Platform
    tenant: Tenant
    environment_id: str
    vault_uri: str
    bindings: Mapping[str, str]  # secret -> binding

    def binding(self, name: str) -> Json:
        return self.tenant.read(f"/secret-bindings/{self.bindings[name]}")

    def version(self, name: str) -> str:
        """The newest of the vault."""
        return list(self.platform.control.secret_versions(self.vault_uri, name))[-1]

    def renew(self, *names: str) -> None:
        """Their owner makes versions. A vault counts in seconds: one of the same second would be no newer."""
        time.sleep(1.1)
        for name in names:
            self.platform.control.set_secret(self.vault_uri, name, uuid.uuid4().hex)

    def running(self) -> str:
        """What the service's replicas were started with."""
        return str([one["env"] for one in self.platform.control.workloads(self.environment_id)[API]["replicas"]])

    def rotations(self) -> list[Json]:
        found = self.tenant.read("/operations", environmentId=self.environment_id)["operations"]
        return [one for one in found if one["kind"] == "RotateSecret"]


def ground(platform: Platform, tenant: Tenant, names: Sequence[str]) -> Ground:
    environment_id = tenant.environment()
    vault_uri = tenant.read(f"/environments/{environment_id}")["outputs"]["vaultUri"].rstrip("/")
    owned, bindings = {"tenantId": tenant.tenant_id, "environmentId": environment_id}, {}
    for name in names:
        platform.control.set_secret(vault_uri, name, uuid.uuid4().hex)
        bound = {"serviceId": API, "vaultUri": vault_uri, "secrets": [{"name": "S", "secretName": name}]}
        bindings[name] = tenant.post("/secret-bindings", {**owned, **bound}).json()["secretBindingId"]
    values = {f"SECRET_{number}": {"secretRef": f"{one}/S"} for number, one in enumerate(bindings.values())}
    configuration_id = tenant.post("/configurations", {**owned, "values": values}).json()["configurationId"]
    done = tenant.release(environment_id, [component()], configurationId=configuration_id, gate=QUICK)
    assert done["status"] == "Completed", done
    return Ground(platform, tenant, environment_id, vault_uri, bindings)


@pytest.mark.together
def test_a_vaults_word_that_a_version_ends_makes_its_consumers_roll(platform: Platform, tenant: Tenant, bus: Bus) -> None:
    name = "db-password"
    here = ground(platform, tenant, [name])
    old = here.version(name)
    here.renew(name)
    new = here.version(name)
    vault = here.vault_uri.removeprefix("https://").partition(".")[0]
    about = {"VaultName": vault, "ObjectType": "Secret", "ObjectName": name, "Version": old}
    notice = {"id": uuid.uuid4().hex, "eventType": "Microsoft.KeyVault.SecretNearExpiry", "subject": name, "data": about}
    bus.tell(NOTICES, json.dumps({**notice, "eventTime": "2026-07-25T01:08:33Z", "dataVersion": "1"}).encode())
    [begun] = until(here.rotations, bool)
    assert begun["requestedBy"] == "rotation-sweep"
    assert tenant.settled(begun["operationId"])["status"] == "Succeeded"
    shown = here.binding(name)
    assert (shown["status"], [one["version"] for one in shown["consumers"]]) == ("Bound", [new])
    assert new in here.running()
    timeline = tenant.read(f"/environments/{here.environment_id}/timeline")["entries"]
    assert notice["id"] in [one.get("causedBy") for one in timeline], "the timeline leads to what the vault said"


@pytest.mark.together
def test_rotations_of_an_environment_that_meet_are_one_roll(platform: Platform, tenant: Tenant, observer: Observer) -> None:
    names = ("db-password", "queue-key", "api-token")
    here = ground(platform, tenant, names)
    answers = [tenant.post(f"/secret-bindings/{one}/rotate", {}) for one in here.bindings.values()]
    assert [answer.status_code for answer in answers] == [202] * 3, [answer.text for answer in answers]
    assert len({answer.headers["Operation-Location"] for answer in answers}) == 1
    here.renew(*names)
    operation_id = answers[0].headers["Operation-Location"].rpartition("/")[2]
    ended = tenant.settled(operation_id)
    assert ended["status"] == "Succeeded", ended
    assert [one["operationId"] for one in here.rotations()] == [operation_id]
    releases = tenant.read("/deployments", environmentId=here.environment_id)["deployments"]
    assert len(releases) == 2, "what was released, and one roll"
    rotated = until(lambda: observer.wait(here.environment_id, "SecretRotated"), lambda found: len(found) == len(names))
    assert {one.body["payload"]["secretName"]: one.body["payload"]["version"] for one in rotated} == {
        name: here.version(name) for name in names
    }
    assert all(here.version(name) in here.running() for name in names)
