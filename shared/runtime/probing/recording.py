"""What a probe found: the report, the finding on the platform's own environment, and the alert; one commit but for that.

A breach is `Critical`, and the same one for as long as it lasts; it resolves with the first probe that finds every door
shut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.events.journal import PLATFORM_CLIENT, Cause, Journal, Place, Transaction
from shared.kernel import ids
from shared.kernel.metrics import count
from shared.kernel.trace import trace_id_of
from shared.runtime.drift.compare import Compared, Difference
from shared.runtime.drift.events import DriftDetected
from shared.runtime.drift.ledger import Ledger, Posting
from shared.runtime.drift.model import Finding, FindingKind, Owner, finding_id
from shared.runtime.drift.redaction import cut
from shared.runtime.environments.intactness import Breach, IsolationReport, ProbeStatus, RpcReport
from shared.store import keys
from shared.store.port import Put, Row
from shared.store.reading import read

ACTOR = "isolation-probe"
RPC_LASTS = timedelta(minutes=20)
UNKNOWN_TO_OTHERS = "another tenant's ids are unknown ones"


@dataclass(frozen=True)
class Found:
    """Of one probe: how many attempts were made, those that told nothing, those that reached something."""

    attempts: int
    untold: int
    breaches: Sequence[Breach]

    @property
    def status(self) -> ProbeStatus:
        if self.breaches:
            return ProbeStatus.BREACHED
        return ProbeStatus.INCOMPLETE if self.untold or not self.attempts else ProbeStatus.INTACT


@dataclass(frozen=True)
class Recording:
    journal: Journal
    home: Place
    signing_key: bytes = field(repr=False)

    async def record(self, started: datetime, found: Found) -> IsolationReport:
        """Key: the start. Raises `Conflict` when another probe recorded meanwhile, `Transient`."""
        environment_id = ids.EnvironmentId(self.home.environment_id or "")
        ident = finding_id(self.signing_key, environment_id, FindingKind.ISOLATION_BREACH, None)
        rows = await self.journal.store.gather(self.home.partition, [keys.ISOLATION, keys.ISOLATION_RPC, ident])
        found = self._with_rpc(found, rows.get(keys.ISOLATION_RPC), started)
        standing = rows.get(keys.ISOLATION)
        before = read(IsolationReport, self.home.partition, standing) if standing else IsolationReport()
        report = _after(before, started, self.journal.clock(), found)
        known = [read(Finding, self.home.partition, rows[ident])] if ident in rows else []
        postings = Ledger(environment_id, self.signing_key).post(known, _compared(found), report.completed_at or started)
        tx = Transaction(
            self.home, Cause(ACTOR, PLATFORM_CLIENT, trace_id_of(None)), _kind(postings), environment_id, _told(report)
        )
        tx.write(standing, keys.ISOLATION, report)
        for posting in postings:
            tx.write(rows.get(ident), ident, posting.finding)
            if posting.announced:
                tx.emit(DriftDetected.of(posting.finding))
        if any(posting.moved for posting in postings):
            await self.journal.commit(tx)
        else:
            await self.journal.store.commit(self.home.partition, self.journal.draw(), tx.changes)
        for breach in found.breaches:
            count("isolation-breach", raised=True, route=breach.route, status=str(breach.status))
        return report

    def _with_rpc(self, found: Found, row: Row | None, now: datetime) -> Found:
        """One picture of both faces: what the gRPC server found lately belongs to it, and that it fell silent is untold."""
        if row is None:
            return found
        told = read(RpcReport, self.home.partition, row)
        if now - told.at > RPC_LASTS:
            return replace(found, attempts=found.attempts + told.attempts, untold=found.untold + told.attempts)
        breaches = [*found.breaches, *told.breaches]
        return Found(found.attempts + told.attempts, found.untold + told.untold, breaches)

    async def record_rpc(self, found: Found) -> None:
        """What the gRPC server's probe found, for the next report. Raises `Transient`."""
        at = self.journal.clock()
        told = RpcReport(at=at, attempts=found.attempts, untold=found.untold, breaches=list(found.breaches))
        change = Put(keys.ISOLATION_RPC, told.document())
        await self.journal.store.commit(self.home.partition, self.journal.draw(), [change])


def _after(before: IsolationReport, started: datetime, now: datetime, found: Found) -> IsolationReport:
    in_a_row = {
        ProbeStatus.BREACHED: before.consecutive_breaches + 1,
        ProbeStatus.INTACT: 0,
    }.get(found.status, before.consecutive_breaches)
    return IsolationReport(
        status=found.status,
        started_at=started,
        completed_at=now,
        attempts=found.attempts,
        untold=found.untold,
        breaches=list(found.breaches),
        consecutive_breaches=in_a_row,
    )


def _compared(found: Found) -> Compared:
    if not found.breaches:
        return Compared(isolation_read=found.status is ProbeStatus.INTACT)
    actual = cut("; ".join(f"{one.route} answers {one.status}" for one in found.breaches))
    breach = Difference(FindingKind.ISOLATION_BREACH, None, UNKNOWN_TO_OTHERS, actual, Owner.UNKNOWN)
    return Compared([breach], isolation_read=True)


def _kind(postings: Sequence[Posting]) -> str:
    return "isolation.breached" if any(posting.announced for posting in postings) else "isolation.mended"


def _told(report: IsolationReport) -> str:
    if not report.breaches:
        return f"{report.attempts} attempts to reach another tenant were refused"
    return f"{len(report.breaches)} of {report.attempts} attempts reached another tenant's: {report.breaches[0].route}"
