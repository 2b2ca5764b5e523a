"""Deployments as callers see them: one row and its gates, read together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.access.caller import Caller
from shared.kernel.errors import NotFound
from shared.kernel.ids import environment_of
from shared.runtime.deployments.model import MAX_COMPONENTS, Deployment, Gate, Phase
from shared.runtime.deployments.service import LISTED
from shared.runtime.environments.found import page
from shared.store import keys
from shared.store.port import Store
from shared.store.reading import read

_INTERNAL = {"projectId", "rollbackTo"}


@dataclass(frozen=True)
class DeploymentPage:
    deployments: list[dict[str, Any]]
    after: str | None


@dataclass(frozen=True)
class DeploymentReader:
    store: Store

    async def get(self, caller: Caller, ident: str) -> dict[str, Any]:
        """With its gates' evidence. Raises `NotFound`, also for what is another tenant's."""
        partition = keys.partition_of(caller.tenant_id, environment_of(ident))
        rows = await self.store.list(partition, ident, limit=MAX_COMPONENTS + 1) if ident.startswith("dep-") else []
        if not rows or rows[0].key != ident:
            raise NotFound("deployment", ident)
        gates = [read(Gate, partition, row) for row in rows[1:]]
        return shown(read(Deployment, partition, rows[0]), {gate.wave: gate for gate in gates})

    async def page(self, caller: Caller, environment_id: str, limit: int, after: str) -> DeploymentPage:
        """Newest first, without the gates' evidence. Raises `NotFound`."""
        found, next_after = await page(self.store, caller, Deployment, LISTED, environment_id, limit=limit, after=after)
        return DeploymentPage([shown(deployment, {}) for deployment in found], next_after)


def shown(deployment: Deployment, gates: dict[int, Gate]) -> dict[str, Any]:
    document = {name: value for name, value in deployment.document().items() if name not in _INTERNAL}
    for entry in document["rolloutHistory"]:
        if entry["phase"] == Phase.HEALTH_GATING and entry["wave"] in gates:
            entry["gate"] = gates[entry["wave"]].shown()
    return document
