"""The inventory follows the stable snapshot, when an event says that there is another one.

Who made it stable wrote what fits into its own transaction; the rest, what is gone and where each service is reached comes
here. It asks for nothing but what is stable now, so that events may come late, twice or in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.events.journal import Place
from shared.kernel.errors import NotFound, Refused, Transient
from shared.runtime.catalog.model import Snapshot
from shared.runtime.catalog.rows import Catalog
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import Environment
from shared.store import keys
from shared.store.port import Change
from shared.store.reading import read
from shared.targets.port import Target


@dataclass(frozen=True)
class Projection:
    catalog: Catalog
    targets: Mapping[str, Target]

    async def bring_up(self, admitted: Admitted, receipt: Change) -> bool:
        """Make the rows equal what is stable; whether `receipt` was written with them.

        Raises `Transient`, with the rows written, when a target could not say where its services are reached.
        """
        place, environment, written = admitted.place, admitted.environment, False
        while True:
            snapshot = await self.catalog.snapshot(place, environment.stable_deployment_id)
            if snapshot is None:
                return written
            endpoints, away = await self._endpoints(environment, snapshot)
            beside = [] if written or away is not None else [receipt]
            await self.catalog.project(environment, snapshot, admitted.slot.generation, endpoints, beside=beside)
            if away is not None:
                raise away
            written, projected = True, environment.stable_deployment_id
            environment = await self._now(place)
            if environment.stable_deployment_id == projected:  # else somebody wrote newer rows, which these covered
                return True

    async def _now(self, place: Place) -> Environment:
        row = await self.catalog.store.get(place.partition, keys.ENVIRONMENT)
        if row is None:
            raise NotFound("environment", place.environment_id or "")
        return read(Environment, place.partition, row)

    async def _endpoints(self, environment: Environment, snapshot: Snapshot) -> tuple[dict[str, str], Transient | None]:
        """Where each service is reached, as far as its target tells, and what kept one from telling: a target that is away
        costs the inventory no more than these addresses, until it is asked again."""
        found: dict[str, str] = {}
        away: Transient | None = None
        for name in sorted({placed.target for placed in snapshot.services.values()}):
            try:
                seen = await self.targets[name].observe(environment.site)
            except Transient as error:
                away = error
                continue
            except Refused:
                continue
            serving = {service_id: observation.serving for service_id, observation in seen.items()}
            found |= {key: revision.addresses[0] for key, revision in serving.items() if revision and revision.addresses}
        return found, away
