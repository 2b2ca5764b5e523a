"""Deployments as callers see them: one row and its gates, read together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.access.caller import Caller
from shared.kernel.errors import NotFound, ValidationFailed
from shared.kernel.ids import environment_of
from shared.runtime.catalog.model import Placed, Snapshot
from shared.runtime.deployments.comparison import Comparison, compared
from shared.runtime.deployments.gates import Gate
from shared.runtime.deployments.listed import LISTED
from shared.runtime.deployments.model import Deployment, DeploymentReport, Phase
from shared.runtime.deployments.preparing import overlaid
from shared.runtime.environments.found import page
from shared.runtime.rollout.plan import Planned, content_hash
from shared.store import keys
from shared.store.port import Store
from shared.store.reading import read, read_all

MAX_PLANNED = 1000  # services that a plan names: what it brings and what it takes away
MAX_ROWS = 1000  # a deployment, its gates, and what was decided about them before


@dataclass(frozen=True)
class DeploymentPage:
    deployments: list[dict[str, Any]]
    after: str | None


@dataclass(frozen=True)
class DeploymentReader:
    store: Store

    async def get(self, caller: Caller, ident: str, *, compare_to: str | None = None) -> dict[str, Any]:
        """With its gates' evidence, and how it differs from `compare_to`: from what that one made run to what this one
        did.

        Raises `NotFound`, also for what is another tenant's; `ValidationFailed` naming `compareTo` when the two cannot be
        compared.
        """
        partition = keys.partition_of(caller.tenant_id, environment_of(ident))
        rows = await self.store.list(partition, ident, limit=MAX_ROWS) if ident.startswith("dep-") else []
        if not rows or rows[0].key != ident:
            raise NotFound("deployment", ident)
        gates = [read(Gate, partition, row) for row in rows[1:]]
        deployment = read(Deployment, partition, rows[0])
        document = shown(deployment, gates)
        if compare_to is not None:
            document["comparison"] = await self._comparison(partition, deployment, compare_to)
        return document

    async def _comparison(self, partition: str, deployment: Deployment, compare_to: str) -> Comparison:
        """Of what is no deployment of this environment nothing is read: whose it is makes no difference."""
        inside = compare_to.startswith("dep-") and environment_of(compare_to) == deployment.environment_id
        row = await self.store.get(partition, compare_to) if inside else None
        other = await self.made_run(partition, read(Deployment, partition, row)) if row else None
        if other is None:
            raise ValidationFailed({"compareTo": ["names no deployment of this environment that was prepared"]})
        own = await self.made_run(partition, deployment)
        if own is None:
            raise ValidationFailed({"compareTo": ["has nothing to be compared with: this deployment was never prepared"]})
        return compared(other, own)

    async def made_run(self, partition: str, deployment: Deployment) -> Mapping[str, Placed] | None:
        """All that ran, or was to run, with a deployment: its snapshot, else its plan laid over what was stable before.

        None for one that was never prepared, and for one whose plan is no longer whole.
        """
        snapshot = await self._snapshot(partition, deployment.deployment_id)
        if snapshot is not None:
            return snapshot.services
        rows = await self.store.list(partition, keys.plan(deployment.deployment_id), limit=MAX_PLANNED)
        planned = read_all(Planned, partition, rows)
        if deployment.content_hash != content_hash(planned):
            return None
        stable = await self._snapshot(partition, deployment.previous_deployment_id)
        return overlaid(stable, deployment, planned).services

    async def _snapshot(self, partition: str, deployment_id: str | None) -> Snapshot | None:
        row = await self.store.get(partition, keys.snapshot(deployment_id)) if deployment_id else None
        return read(Snapshot, partition, row) if row else None

    async def page(self, caller: Caller, environment_id: str, limit: int, after: str) -> DeploymentPage:
        """Newest first, without the gates' evidence. Raises `NotFound`."""
        found, next_after = await page(self.store, caller, Deployment, LISTED, environment_id, limit=limit, after=after)
        return DeploymentPage([shown(deployment, []) for deployment in found], next_after)


def shown(deployment: Deployment, gates: Sequence[Gate]) -> dict[str, Any]:
    """As `DeploymentState`, without its comparison. `gates`: of all waves, those decided earlier too, in any order."""
    by_wave: dict[int, list[Gate]] = defaultdict(list)
    for gate in sorted(gates, key=lambda gate: gate.judgement):
        by_wave[gate.wave].append(gate)
    history = [entry.document() for entry in deployment.rollout_history]
    for entry in history:
        if entry["phase"] == Phase.HEALTH_GATING and entry["wave"] in by_wave:
            *earlier, standing = by_wave[entry["wave"]]
            entry["gate"] = standing.shown(earlier)
    return deployment.document(DeploymentReport) | {"rolloutHistory": history}
