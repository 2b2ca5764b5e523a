"""What was done, read off what is there before and after: rows, targets, the provisioner's engine; never the effects' own
code. A dry run said too little or too much when its effects are not these deeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.kernel import ids
from shared.operations.model import OperationStatus
from shared.store import keys
from shared.targets.port import SecretReference
from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.doubles.targets import Service

Deed = tuple[str, str]  # (action, resource)
GONE = "Decommissioned"
MADE_OF = {  # output of the engine -> what a person calls it, the step that makes it
    "appServicePlanId": ("app-service-plan", "AppServicePlan"),
    "clusterServer": ("cluster", "Cluster"),
    "functionsPlanId": ("functions-plan", "FunctionsPlan"),
    "functionsStorageAccount": ("functions-storage", "FunctionsStorage"),
    "identityId": ("identity", "Identity"),
    "managedEnvironmentId": ("container-apps-environment", "ManagedEnvironment"),
    "resourceGroup": ("resource-group", "ResourceGroup"),
    "serviceBusNamespace": ("service-bus", "ServiceBus"),
    "vaultUri": ("vault", "KeyVault"),
    "workspaceId": ("logs", "Workspace"),
}


@dataclass(frozen=True)
class Seen:
    rows: dict[str, dict[str, Any]]  # of every environment of the tenant, by row key
    served: dict[str, str]  # service -> what serves it, where
    destroyed: tuple[tuple[str, str], ...]  # (step, operation) of whatever an engine's run made away with
    mended: tuple[str, ...]  # operations in which an engine changed back what somebody had changed

    def of(self, prefix: str) -> dict[str, dict[str, Any]]:
        return {key: row for key, row in self.rows.items() if key.startswith(prefix)}


async def seen(platform: Platform) -> Seen:
    rows: dict[str, dict[str, Any]] = {}
    listed = await platform.store.list(keys.tenant_partition(TENANT), "", limit=1000)
    idents = {row.document.get("environmentId") for row in listed} | {
        (row.document.get("environment") or {}).get("environmentId") for row in listed
    }
    for ident in filter(None, idents):
        partition = keys.partition_of(TENANT, ids.environment_of(ident))
        found = await platform.store.list(partition, "", limit=1000)
        rows |= {(f"{row.key}@{ident}" if row.key in ("env", "binding") else row.key): dict(row.document) for row in found}
    served = {
        name: f"{service.image} on {target} with {_secrets(service)}"
        for target, fake in platform.targets.items()
        for name, service in fake.services.items()
        if service.serving
    }
    return Seen(rows, served, tuple(platform.jobs.engine.unmade), tuple(platform.jobs.engine.mended))


def _secrets(service: Service) -> list[str]:
    """The versions of secrets that what serves runs with."""
    env = service.revisions[service.serving or ""].workload.env
    return sorted(value.version for value in env.values() if isinstance(value, SecretReference))


def deeds(before: Seen, after: Seen) -> set[Deed]:
    return {
        *_environments(before, after),
        *_mended(before, after),
        *_services(before, after),
        *_desired(before, after),
        *_gates(before, after),
        *_decided(before, after),
        *_told(before, after),
    }


def _environments(before: Seen, after: Seen) -> Iterator[Deed]:
    for key, row in after.of("env@").items():
        name, earlier = f"environments/{row['name']}", before.rows.get(key)
        if earlier is None:
            yield "create", name
            yield from _enabled(row)
        elif earlier["status"] == "Failed" and row["status"] == "Provisioned":
            yield "start", name
            yield from _enabled(row)
        elif row["status"] == GONE != earlier["status"]:
            yield "remove", name
            operation = next(one for ident, one in after.of("op-").items() if ident not in before.rows)
            gone = {step for step, by in after.destroyed if by == operation["operationId"]}
            kept = '"retainData":true' in operation["requestJson"]
            data = ("resourceGroup", "vaultUri", "workspaceId")
            for output in MADE_OF.keys() & earlier.get("outputs", {}).keys():
                told, step = MADE_OF[output]
                if (stays := kept and output in data) or step in gone:
                    yield ("retain" if stays else "remove"), told
        elif "hold" in earlier and "hold" not in row:
            yield "lift", "hold"
    for key, row in after.of("binding@").items():
        known = before.rows.get(key)
        if known is not None and known["status"] != row["status"] and known["status"] != "Pending":
            yield "replace", f"environments/{row['environmentId']}/tenant-binding"


def _mended(before: Seen, after: Seen) -> Iterator[Deed]:
    for operation in {*after.mended} - {*before.mended}:
        environment = after.rows[f"env@{ids.environment_of(operation)}"]
        yield "replace", f"environments/{environment['name']}/infrastructure"


def _enabled(environment: dict[str, Any]) -> Iterator[Deed]:
    yield from (("create", f"targets/{target}") for target in environment["computeTargets"])


def _services(before: Seen, after: Seen) -> Iterator[Deed]:
    """Where a workload moved, its inventory row moves with it; a row that moves alone is the inventory's own."""
    names = before.served.keys() | after.served.keys()
    for name in names:
        yield from _changed(f"services/{name}", before.served.get(name), after.served.get(name))
    moved = {name for name in names if before.served.get(name) != after.served.get(name)}
    rows = {key.removeprefix("svc-") for key in (before.of("svc-") | after.of("svc-"))} - moved
    alone = {name for name in rows if before.rows.get(f"svc-{name}") != after.rows.get(f"svc-{name}")}
    if "inventory" in {row["kind"].partition(".")[0] for row in _new_entries(before, after)}:
        for name in alone:
            yield from _changed(f"services/{name}", before.rows.get(f"svc-{name}"), after.rows.get(f"svc-{name}"))


def _changed(resource: str, before: object, after: object) -> Iterator[Deed]:
    if before != after:
        yield ("create" if before is None else "remove" if after is None else "replace"), resource


def _desired(before: Seen, after: Seen) -> Iterator[Deed]:
    for key, row in after.rows.items():
        new = key not in before.rows
        if key.startswith("cfg-") and new:
            yield "create", f"configurations/{row.get('moduleId', '*')}"
        if key.startswith("sec-") and new:
            yield from (("create", f"secret-bindings/{row['serviceId']}/{one['name']}") for one in row["secrets"])
        if key.startswith("sec-") and not new:
            yield from _rotated(before.rows[key], row)
        if key.startswith("scl-") and (new or before.rows[key]["requested"] != row["requested"]):
            yield ("create" if new else "replace"), f"scaling-policies/{row['serviceId']}/{row['target']}"
        elif key.startswith("scl-") and before.rows[key]["status"] != row["status"]:
            verb = "pause" if row["status"] == "Paused" else "resume"
            yield verb, f"scaling-policies/{row['serviceId']}/{row['target']}"


def _rotated(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Deed]:
    leaving = [one["version"] for one in after.get("outgoing", [])]
    for earlier, secret in zip(before["secrets"], after["secrets"], strict=True):
        resource = f"secret-bindings/{after['serviceId']}/{secret['name']}"
        if earlier["version"] != secret["version"]:
            yield "replace", resource
        if earlier["version"] in leaving:
            yield "disable", resource


def _gates(before: Seen, after: Seen) -> Iterator[Deed]:
    for key, row in after.of("dep-").items():
        deployment, tilde, wave = key.partition("~")
        if not tilde or "~" in wave:
            continue
        earlier = before.rows.get(key)
        if earlier is None:
            yield "gate", f"waves/{int(wave)}"
        elif row.get("judgement", 0) > earlier.get("judgement", 0):
            yield "judge", f"deployments/{deployment}"
        elif "overridden" in row and "overridden" not in earlier:
            yield "pass", f"deployments/{deployment}"


def _decided(before: Seen, after: Seen) -> Iterator[Deed]:
    words = {"Acknowledged": "acknowledge", "AcceptedUntil": "accept", "Remediating": "remediate", "Resolved": "adopt"}
    for key, row in after.of("drift-").items():
        if row != before.rows.get(key) and "decision" in row:
            yield words[row["status"]], f"findings/{key}"
    if before.rows.get("ignore") != after.rows.get("ignore"):
        yield "replace", "drift/ignore-rules"


def _told(before: Seen, after: Seen) -> Iterator[Deed]:
    for key, row in after.of("op-").items():
        if row["status"] == OperationStatus.CANCELED and before.rows.get(key, {}).get("status") != row["status"]:
            yield "take back", row["resourceLocation"].removeprefix("/v1/runtime/")
    for entry in _new_entries(before, after):
        for event in entry.get("events", []):
            if event["eventType"] == "SecretRotationRequested":
                yield "request", f"secret-bindings/{event['payload']['serviceId']}/{event['payload']['name']}"
        if entry["kind"] == "health.reported":
            yield "record", f"environments/{entry['resource']}/health"


def _new_entries(before: Seen, after: Seen) -> list[dict[str, Any]]:
    return [row for key, row in after.of("log-").items() if key not in before.rows and row["outcome"] == "Allowed"]
