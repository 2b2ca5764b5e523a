"""A scan's outcome on its way into the environment's partition, for as long as the ground it stands on holds.

Every commit is conditional on the slot row as it was read before anything else: an operation that began, or began and
ended, meanwhile voids the scan and nothing of it is written. More findings than one transaction takes go in several, each
with that condition; the scan's own row comes with the last, so that a scan cut short is none and its tick may come again.
A person's decision on a finding meanwhile voids the scan just so: the next one starts from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.events.journal import PLATFORM_CLIENT, Cause, Journal, Transaction
from shared.kernel.trace import trace_id_of
from shared.operations.slot import Slot
from shared.runtime.drift.events import DriftDetected
from shared.runtime.drift.ground import Ground
from shared.runtime.drift.ledger import Posting
from shared.runtime.drift.model import Finding, Scan
from shared.store import keys
from shared.store.port import Conflict, Row

FINDINGS = 40  # in one transaction: with an event each, their outbox rows and the rest, 84 of the table's 100 changes
NAMED = 5  # findings in a summary
ACTOR = "drift-sweep"


@dataclass(frozen=True)
class Writing:
    journal: Journal
    ground: Ground

    async def write(self, postings: Sequence[Posting], scan: Scan) -> None:
        """Write all of it. Raises `Conflict`, which names the row that changed, when it is void.

        Findings with another status go first: those commits have a log row, the rest has none.
        """
        cause = Cause(ACTOR, PLATFORM_CLIENT, trace_id_of(None))
        rest = sorted(postings, key=lambda posting: not posting.moved)
        slot = self.ground.admitted.rows[keys.SLOT]
        while len(rest) > FINDINGS:
            await self._commit(cause, slot, rest[:FINDINGS])
            rest, slot = rest[FINDINGS:], await self._same_slot()
        await self._commit(cause, slot, rest, scan)

    async def _commit(
        self,
        cause: Cause,
        slot: Row,
        postings: Sequence[Posting],
        scan: Scan | None = None,
    ) -> None:
        admitted = self.ground.admitted
        kind = "drift.detected" if any(posting.announced for posting in postings) else "drift.resolved"
        moved = [posting.finding for posting in postings if posting.moved]
        resource = moved[0].finding_id if len(moved) == 1 else self.ground.environment_id
        tx = Transaction(admitted.place, cause, kind, resource, _told(postings))
        tx.replace(slot, admitted.slot)
        for posting in postings:
            finding = posting.finding
            tx.write(self.ground.rows.get(finding.finding_id), finding.finding_id, finding)
            if posting.announced:
                tx.emit(DriftDetected.of(finding), module_id=finding.service_id)
        if scan is not None:
            tx.write(admitted.rows.get(keys.SCAN), keys.SCAN, scan)
        if moved:
            await self.journal.commit(tx)
        else:  # nothing happened that a timeline should tell every few minutes
            await self.journal.store.commit(admitted.place.partition, self.journal.draw(), tx.changes)

    async def _same_slot(self) -> Row:
        """The slot after our own write of it: still free, and no operation since."""
        row = await self.journal.store.get(self.ground.admitted.place.partition, keys.SLOT)
        if row is None or Slot.read(row.document) != self.ground.admitted.slot:
            raise Conflict(keys.SLOT)
        return row


def _told(postings: Sequence[Posting]) -> str:
    """The timeline's sentence."""
    moved = [posting for posting in postings if posting.moved]
    if len(moved) == 1:
        finding = moved[0].finding
        subject = finding.service_id or finding.environment_id
        word = f"wanted {finding.desired}, found {finding.actual}" if moved[0].announced else "is as wanted again"
        return f"{subject}, {finding.kind} ({finding.severity}): {word}"
    found = sum(posting.announced for posting in moved)
    named = ", ".join(_named(posting.finding) for posting in moved[:NAMED])
    more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    return f"{found} differences found, {len(moved) - found} gone: {named}{more}"


def _named(finding: Finding) -> str:
    return f"{finding.service_id or finding.environment_id} {finding.kind}"
