"""What a look at an environment stands on: what is wanted there, read before any target is asked, and what they tell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from shared.events.journal import Place
from shared.kernel.errors import Refused, Transient
from shared.kernel.ids import EnvironmentId
from shared.runtime.catalog.model import RuntimeService, Source
from shared.runtime.catalog.rows import Catalog
from shared.runtime.drift.compare import Observed, Wanted, strangers
from shared.runtime.drift.ignoring import IgnoreRules
from shared.runtime.drift.model import MOST, PREFIX, Finding
from shared.runtime.drift.redaction import Redaction
from shared.runtime.environments.infrastructure import InfrastructureLook, standing_look
from shared.runtime.environments.isolation import Admitted
from shared.runtime.scaling.reading import Policies
from shared.runtime.secrets.resolution import Resolver
from shared.store import keys
from shared.store.port import Row, Store
from shared.store.reading import read, read_all
from shared.targets.port import Observation, Site, Target

log = logging.getLogger(__name__)

ROWS = (keys.SCAN, keys.INFRASTRUCTURE, keys.IGNORE_RULES)  # that come with the environment


@dataclass(frozen=True)
class Ground:
    """`rows` and `findings` by id: all rows of findings, and those that can be read."""

    admitted: Admitted
    wanted: Wanted
    rows: Mapping[str, Row]
    findings: Mapping[str, Finding]

    @property
    def environment_id(self) -> EnvironmentId:
        return self.admitted.environment.environment_id

    def may_write(self, finding: Finding) -> bool:
        """A finding whose row cannot be read is left to whoever looks after the alert; the others go on."""
        return finding.finding_id in self.findings or finding.finding_id not in self.rows


@dataclass(frozen=True)
class Surveying:
    store: Store
    catalog: Catalog
    policies: Policies
    resolver: Resolver
    targets: Mapping[str, Target]
    signing_key: bytes = field(repr=False)

    async def ground(self, admitted: Admitted) -> Ground:
        """`admitted` with `ROWS`. Raises `Transient`, `Unreadable`."""
        place = admitted.place
        wanted, rows = await asyncio.gather(self.wanted(admitted), self.store.list(place.partition, PREFIX, limit=MOST))
        findings = {finding.finding_id: finding for finding in read_all(Finding, place.partition, rows)}
        return Ground(admitted, wanted, {row.key: row for row in rows}, findings)

    async def wanted(self, admitted: Admitted) -> Wanted:
        """The stable snapshot, its secrets at the version that their bindings use now."""
        place = admitted.place
        snapshot, policies = await asyncio.gather(
            self.catalog.snapshot(place, admitted.environment.stable_deployment_id), self.policies.of(place)
        )
        rules = admitted.rows.get(keys.IGNORE_RULES)
        return Wanted(
            services=await self.resolver.current(place, snapshot.services if snapshot else {}),
            policies={(policy.service_id, policy.target.value): policy for policy in policies},
            redaction=Redaction(self.signing_key),
            rules=read(IgnoreRules, place.partition, rules).rules if rules else (),
            look=_current(admitted, standing_look(place, admitted.rows.get(keys.INFRASTRUCTURE))),
        )

    def targets_of(self, admitted: Admitted, wanted: Wanted) -> list[str]:
        """Those that something wanted runs on, and those that something else could run on."""
        enabled = {target.value for target in admitted.environment.compute_targets} & self.targets.keys()
        return sorted(enabled | {placed.target for placed in wanted.services.values()})

    async def observed(self, site: Site, names: Iterable[str]) -> Observed:
        """What each target tells, asked once; those that cannot be read are absent."""
        told = await asyncio.gather(*[self._observed(site, name) for name in names])
        return {name: seen for name, seen in told if seen is not None}

    async def _observed(self, site: Site, name: str) -> tuple[str, Mapping[str, Observation] | None]:
        if name not in self.targets:
            return name, None
        try:
            return name, await self.targets[name].observe(site)
        except (Transient, Refused) as error:
            log.warning("the drift scan of %s could not read %s: %r", site.environment_id, name, error)
            return name, None

    async def with_known(self, place: Place, wanted: Wanted, observed: Observed) -> Wanted:
        """What nobody wants, but somebody told us of, is not unexpected. Costs a read only where there is such a thing."""
        strange = sorted(strangers(wanted.services, observed))
        if not strange:
            return wanted
        rows = await self.store.gather(place.partition, [keys.service(one) for one in strange])
        told = read_all(RuntimeService, place.partition, rows.values())
        return replace(wanted, known=frozenset(one.service_id for one in told if one.source is not Source.DEPLOYMENT))


def _current(admitted: Admitted, look: InfrastructureLook | None) -> InfrastructureLook | None:
    """A look from before the last operation tells of another state."""
    return look if look is not None and look.generation == admitted.slot.generation else None
