"""Rotation on real parts: consumers are never without a secret that works, on any target, and a value is seen nowhere."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.driving import Json, Platform, Tenant, beside, component, until
from tests.e2e.observer import Observer
from tests.e2e.rows import Rows

TARGETS = ("aks", "container-apps", "app-service", "functions")
NAME = "db-password"
CANARY = "canary-7f3a9c51d2e84b60-never-to-be-seen"
QUICK = {"stableSeconds": 1}
_REFERENCE = re.compile(r"/secrets/([A-Za-z0-9-]+)/([0-9a-f]{32})")


@dataclass
class Probe:
    """A workload that looks at its own secrets all the time: of each ready replica, whether the vault has them enabled.

    Only what was disabled before the replicas were looked at counts: a replica that ended meanwhile is no violation.
    """

    platform: Platform
    environment_id: str
    vault_uri: str
    looks: int = 0
    seen: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)

    def look(self) -> None:
        enabled = self.platform.control.secret_versions(self.vault_uri, NAME)
        for service, row in self.platform.control.workloads(self.environment_id).items():
            ready = [one for one in row["replicas"] if one["ready"]]
            if not ready:
                self.violations.append(f"{service} has no ready replica")
            for used in versions_of(ready):
                self.seen.add(used)
                if not enabled.get(used, False):
                    self.violations.append(f"{service} runs with {used}, which is disabled")
        self.looks += 1


@contextlib.contextmanager
def probing(platform: Platform, environment_id: str, vault_uri: str) -> Iterator[Probe]:
    probe = Probe(platform, environment_id, vault_uri)
    with beside(probe.look, every=0.05):
        yield probe


def versions_of(replicas: list[Json]) -> set[str]:
    """The versions of the secret that replicas were started with, however their target spells it."""
    found = (_REFERENCE.findall(str(one["env"])) for one in replicas)
    return {version for references in found for name, version in references if name == NAME}


@dataclass(frozen=True)
class Ground:
    platform: Platform
    tenant: Tenant
    environment_id: str
    vault_uri: str
    binding_id: str

    @property
    def binding(self) -> Json:
        return self.tenant.read(f"/secret-bindings/{self.binding_id}")

    def rotate(self) -> str:
        """POST …/rotate; the operation to follow."""
        answer = self.tenant.post(f"/secret-bindings/{self.binding_id}/rotate", {"reason": "the test says so"})
        assert answer.status_code == 202, answer.text
        assert answer.json() == {
            "secretBindingId": self.binding_id,
            "status": "Rotating",
            "traceId": answer.json()["traceId"],
        }
        assert answer.headers["Location"].endswith(f"/secret-bindings/{self.binding_id}")
        return answer.headers["Operation-Location"].rpartition("/")[2]

    def renew(self) -> None:
        """The owner makes a version. A vault counts in seconds: one of the same second would be no newer."""
        time.sleep(1.1)
        self.platform.control.set_secret(self.vault_uri, NAME, f"{CANARY}-2")

    def running(self) -> dict[str, set[str]]:
        rows = self.platform.control.workloads(self.environment_id)
        return {name: versions_of([one for one in row["replicas"] if one["ready"]]) for name, row in rows.items()}


def ground(platform: Platform, tenant: Tenant) -> Ground:
    """A service on each target, all of them with the secret."""
    environment_id = tenant.environment(computeTargets=list(TARGETS))
    vault_uri = tenant.read(f"/environments/{environment_id}")["outputs"]["vaultUri"].rstrip("/")
    platform.control.set_secret(vault_uri, NAME, f"{CANARY}-1")
    owned = {"tenantId": tenant.tenant_id, "environmentId": environment_id}
    bound = {"serviceId": "on-aks", "vaultUri": vault_uri, "secrets": [{"name": "DB", "secretName": NAME}]}
    overlap = {"rotation": {"everyDays": 30, "overlapMinutes": 0}}
    binding_id = tenant.post("/secret-bindings", {**owned, **bound, **overlap}).json()["secretBindingId"]
    values = {"DATABASE": {"secretRef": f"{binding_id}/DB"}}
    configuration_id = tenant.post("/configurations", {**owned, "values": values}).json()["configurationId"]
    components = [component(f"on-{name}", target=name, wave=number // 2) for number, name in enumerate(TARGETS)]
    done = tenant.release(environment_id, components, configurationId=configuration_id, gate=QUICK)
    assert done["status"] == "Completed", done
    return Ground(platform, tenant, environment_id, vault_uri, binding_id)


@pytest.mark.together
def test_consumers_are_never_without_a_valid_secret_and_the_old_version_goes_last(
    platform: Platform, tenant: Tenant, observer: Observer, rows: Rows
) -> None:
    here = ground(platform, tenant)
    with probing(platform, here.environment_id, here.vault_uri) as probe:
        [old] = platform.control.secret_versions(here.vault_uri, NAME)
        operation_id = here.rotate()
        path = f"/operations/{operation_id}"
        until(lambda: tenant.read(path), lambda one: "a newer enabled version of DB" in one.get("waitingFor", ""))
        [asked] = observer.wait(here.environment_id, "SecretRotationRequested")
        assert asked.body["payload"]["version"] == old
        here.renew()
        ended = tenant.settled(operation_id)
        assert ended["status"] == "Succeeded", ended
        new = list(platform.control.secret_versions(here.vault_uri, NAME))[-1]
        assert here.running() == {f"on-{name}": {new} for name in TARGETS}
        until(lambda: platform.control.secret_versions(here.vault_uri, NAME), lambda told: told == {old: False, new: True})
        looks = probe.looks
        until(lambda: probe.looks, lambda count: count > looks + 3)
    assert probe.violations == []
    assert probe.seen == {old, new}
    shown = until(lambda: here.binding, lambda one: one["outgoing"] == [])
    assert (shown["status"], shown["consumersOnOldVersion"]) == ("Bound", 0)
    assert {one["version"] for one in shown["consumers"]} == {new}
    [rotated] = observer.wait(here.environment_id, "SecretRotated")
    assert (rotated.body["payload"]["previousVersion"], rotated.body["payload"]["version"]) == (old, new)
    assert_clean(platform, rows, tenant, observer, here)


@pytest.mark.together
def test_a_failed_gate_puts_every_consumer_back_before_anything_is_disabled(platform: Platform, tenant: Tenant) -> None:
    here = ground(platform, tenant)
    before = here.running()
    here.renew()
    with probing(platform, here.environment_id, here.vault_uri) as probe:
        platform.control.behave(serviceId="on-functions", environmentId=here.environment_id, status="Unhealthy")
        ended = tenant.settled(here.rotate())
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "GateFailed"), ended
        assert here.running() == before
    assert probe.violations == []
    assert set(platform.control.secret_versions(here.vault_uri, NAME).values()) == {True}
    shown = here.binding
    assert (shown["status"], shown["outgoing"], shown["consumersOnOldVersion"]) == ("Bound", [], 0)
    assert tenant.read(f"/environments/{here.environment_id}")["hold"]["reason"] == "GateFailed"


@pytest.mark.together
def test_a_secret_that_is_disabled_is_refused_with_its_name(platform: Platform, tenant: Tenant) -> None:
    """The platform's own way of disabling, on a binding that nobody uses."""
    environment_id = tenant.environment()
    vault_uri = tenant.read(f"/environments/{environment_id}")["outputs"]["vaultUri"].rstrip("/")
    unknown = f"sec-{environment_id.removeprefix('env-')}{'0' * 16}"
    assert tenant.post(f"/secret-bindings/{unknown}/rotate", {}).status_code == 404
    platform.control.set_secret(vault_uri, NAME, f"{CANARY}-3")
    body = {"tenantId": tenant.tenant_id, "environmentId": environment_id, "serviceId": "nobody", "vaultUri": vault_uri}
    bound = tenant.post("/secret-bindings", {**body, "secrets": [{"name": "DB", "secretName": NAME}]}).json()
    answer = tenant.post(f"/secret-bindings/{bound['secretBindingId']}/rotate?dryRun=true", {})
    assert answer.status_code == 200, answer.text
    assert [one["action"] for one in answer.json()["effects"]] == ["request", "replace", "disable"]


def assert_clean(platform: Platform, rows: Rows, tenant: Tenant, observer: Observer, here: Ground) -> None:
    """Whatever was written, answered or sent holds no value: rows, events, logs, the hub's inputs and states, the
    stand-ins' own state, all but the vault itself."""
    assert CANARY not in str(rows.partitions(tenant.tenant_id))
    assert CANARY not in str([one.body for one in observer.of(here.environment_id)])
    answers = ("/operations", "/deployments", "/configurations", "/secret-bindings")
    for path in answers:
        assert CANARY not in tenant.get(f"{path}?environmentId={here.environment_id}").text
    assert CANARY not in tenant.get(f"/environments/{here.environment_id}/timeline").text
    read = platform.control.traffic("keyVault", "GET", f"/secrets/{NAME}")
    assert all(path.rstrip("/").endswith("/versions") for path in read), "no value was ever asked for"
    stand_ins = platform.data / "services.sqlite"
    assert _kinds_with(stand_ins, CANARY) == {"vault.secret"}, "it is somewhere to be found"
    assert [str(path) for path in _files_with(platform.data, CANARY) if not path.name.startswith(stand_ins.name)] == []


def _kinds_with(shelf: Path, text: str) -> set[str]:
    with sqlite3.connect(f"file:{shelf}?mode=ro", uri=True) as database:
        return {str(kind) for (kind,) in database.execute("select kind from documents where instr(body, ?) > 0", (text,))}


def _files_with(folder: Path, text: str) -> list[Path]:
    files: list[Any] = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]
