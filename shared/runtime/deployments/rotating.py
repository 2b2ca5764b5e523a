"""A rotation as a release: what runs goes on as it is, but for the versions of the secrets of some bindings.

Consumers roll in the waves in which they were last released. Their bindings take the new versions over in the transaction
that makes them stable, not before: whatever goes wrong until then is restored from bindings that still say what was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.events.journal import Place, Transaction
from shared.runtime.catalog.model import Placed
from shared.runtime.deployments import waves
from shared.runtime.deployments.model import Component, Deployment
from shared.runtime.environments.model import ComputeTarget
from shared.runtime.secrets.events import SecretRotated
from shared.runtime.secrets.model import SecretBinding
from shared.store.port import Row, Store
from shared.store.reading import read, read_all


async def bindings(store: Store, place: Place, idents: Iterable[str]) -> list[tuple[Row, SecretBinding]]:
    """Those of the bindings that are there, with their rows."""
    rows = await store.gather(place.partition, sorted(set(idents)))
    return [(row, read(SecretBinding, place.partition, row)) for _, row in sorted(rows.items())]


async def components(store: Store, place: Place, services: Mapping[str, Placed]) -> list[Component]:
    """What runs, as a release would name it: each service's wave and order are those of the release that brought it."""
    releases = sorted({placed.workload.release for placed in services.values()})
    rows = await store.gather(place.partition, releases) if releases else {}
    known = {one.deployment_id: one for one in read_all(Deployment, place.partition, rows.values())}
    found = [_component(service_id, placed, known) for service_id, placed in sorted(services.items())]
    if waves.faults(found, ordered=True):  # each release was sound, all together they need not be
        return [one.model_copy(update={"depends_on": []}) for one in found]
    return found


def _component(service_id: str, placed: Placed, known: Mapping[str, Deployment]) -> Component:
    workload = placed.workload
    running: dict[str, Any] = {"image": workload.image, "replicas": workload.replicas, "health": workload.health}
    release = known.get(workload.release)
    declared = next((one for one in release.components if one.module_id == service_id), None) if release else None
    if declared is None:
        return Component(module_id=service_id, target=ComputeTarget(placed.target), **running)
    return declared.model_copy(update={**running, "target": ComputeTarget(placed.target), "env": {}})


def rows_of(found: Iterable[tuple[Row, SecretBinding]]) -> int:
    """How many rows `adopt` adds to a transaction for them all, events included."""
    return sum(1 + len(binding.found_versions) for _, binding in found)


def adopt(tx: Transaction, row: Row, binding: SecretBinding, now: datetime) -> SecretBinding:
    """Add to `tx`: the binding with the versions that were rolled out as its own, and the events that say so."""
    turned = binding.turned(now)
    tx.replace(row, turned)
    for secret in binding.secrets:
        if secret.name in binding.found_versions:
            rotated = SecretRotated(
                secret_binding_id=binding.secret_binding_id,
                environment_id=binding.environment_id,
                service_id=binding.service_id,
                name=secret.name,
                secret_name=secret.secret_name,
                previous_version=secret.version or "",
                version=binding.found_versions[secret.name],
            )
            tx.emit(rotated, module_id=binding.service_id)
    return turned


def next_look(turned: Iterable[SecretBinding], now: datetime) -> datetime | None:
    """When the first of what follows is due: an old version's end, the next rotation. None when nothing follows."""
    return min(filter(None, (one.next_look(now, timedelta()) for one in turned)), default=None)
