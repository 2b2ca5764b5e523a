"""Whether tenants are kept apart: what the isolation probe last found, on a row of the platform's own environment.

That environment belongs to the platform's own tenant and runs nothing: its ids are what the probe tries to reach as
somebody else. A probe that could not tell (no token, a dependency away) leaves the count of breaches as it was: not
knowing is neither intact nor breached. Three breaches in a row stop new releases to production, where a person may say
why not.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.events.journal import Place
from shared.kernel import ids
from shared.kernel.errors import IsolationBreach
from shared.kernel.metrics import count
from shared.kernel.record import Record
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import Stage
from shared.store import keys
from shared.store.port import Store
from shared.store.reading import read

log = logging.getLogger(__name__)

HOME_TENANT = "runtime-cloud"
HOME_PROJECT = "platform"
BREACHES = 3  # in a row


class ProbeStatus(StrEnum):
    NEVER = "Never"
    INTACT = "Intact"
    BREACHED = "Breached"
    INCOMPLETE = "Incomplete"  # something could not be tried, and what could was refused


class Breach(Record):
    """A route, or an RPC, that answered another tenant's id otherwise than an unknown one."""

    route: str
    status: int  # of gRPC for an RPC


class IsolationReport(Record):
    """GET /isolation."""

    status: ProbeStatus = ProbeStatus.NEVER
    started_at: datetime | None = None
    completed_at: datetime | None = None
    attempts: int = 0
    untold: int = 0  # attempts that told nothing
    breaches: list[Breach] = []
    consecutive_breaches: int = 0

    @property
    def blocks(self) -> bool:
        return self.consecutive_breaches >= BREACHES


def home(signing_key: bytes) -> Place:
    """The platform's own environment."""
    own = ids.derived(signing_key, "isolation", "home")
    return Place(HOME_TENANT, ids.environment_id(own), HOME_PROJECT)


class RpcReport(Record):
    """What the gRPC server's own probe found; the next report counts it in."""

    at: datetime
    attempts: int
    untold: int
    breaches: list[Breach] = []


@dataclass(frozen=True)
class Intactness:
    store: Store
    home: Place

    async def report(self) -> IsolationReport:
        row = await self.store.get(self.home.partition, keys.ISOLATION)
        return read(IsolationReport, self.home.partition, row) if row else IsolationReport()

    async def require(self, admitted: Admitted, override: str | None, by: str) -> None:
        """Raises `IsolationBreach` for production while breaches stand, unless `override` says why to go on: that is
        logged, counted, and stands in the release's own entry."""
        if admitted.environment.stage is not Stage.PROD or not (await self.report()).blocks:
            return
        if override is None:
            raise IsolationBreach
        ident = admitted.environment.environment_id
        log.warning("%s releases to %s in spite of a breach of isolation: %s", by, ident, override)
        count("isolation-override", raised=True, environment=ident)
