"""A scan: read what is wanted, ask each target once, post the differences to the ledger.

Invariants
- What is wanted is the stable snapshot. It becomes stable in the transaction that frees the slot; the catalog's rows follow
  later, and compared with them a scan in between would call every fresh deployment drift.
- What is written is conditional on the slot as it was read before anything else, free (see `writing`).
- A tick older than the last scan, or the same one delivered again, is dropped.

Failure modes: a target that cannot be asked makes the scan Incomplete and changes no finding of its services.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.events.journal import Journal, Place
from shared.kernel.metrics import DRIFT_OPEN, REMEDIATION_TIME, record
from shared.runtime.drift.compare import Compared, compare
from shared.runtime.drift.ground import ROWS, Ground, Surveying
from shared.runtime.drift.ledger import Ledger, Posting
from shared.runtime.drift.model import Scan, ScanStatus, Severity, highest
from shared.runtime.drift.transitions import Transition
from shared.runtime.drift.writing import Writing
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.sweeping import provisioned, visit_shard
from shared.store import keys
from shared.store.port import Conflict
from shared.store.reading import read

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deps:
    isolation: Isolation
    surveying: Surveying
    journal: Journal
    index: Index
    signing_key: bytes = field(repr=False)


async def scan_shard(deps: Deps, shard: int, tick: datetime) -> None:
    """Scan every environment of a shard. Raises `Transient` when the shard's list cannot be read."""

    async def one(place: Place) -> None:
        await scan_environment(deps, place, tick)

    await visit_shard(deps.journal.store, shard, one)


async def scan_environment(deps: Deps, place: Place, started: datetime) -> bool:
    """Compare a provisioned environment that nothing is changing with what is wanted there; whether it was.

    `started` is the tick. Key: (environment, tick). Raises `Transient` when the store cannot be asked, `Unreadable`.
    """
    ground = await _ground(deps, place, started)
    if ground is None:
        return False
    surveying = deps.surveying
    names = surveying.targets_of(ground.admitted, ground.wanted)
    observed = await surveying.observed(ground.admitted.environment.site, names)
    wanted = await surveying.with_known(place, ground.wanted, observed)
    compared = compare(wanted, observed, names)
    now = deps.journal.clock()
    ledger = Ledger(ground.environment_id, deps.signing_key)
    standing = list(ground.findings.values())
    postings = [posting for posting in ledger.post(standing, compared, now) if ground.may_write(posting.finding)]
    try:
        scan = _scan(compared, [name for name in names if name not in observed], wanted.targets, started, now)
        await Writing(deps.journal, ground).write(postings, scan)
    except Conflict as conflict:
        log.info("a drift scan of %s is void: %s changed meanwhile", place.environment_id, conflict.key)
        return False
    _measure(postings, now)
    await _summarise(deps.index, ground, postings, now)
    return True


async def _ground(deps: Deps, place: Place, started: datetime) -> Ground | None:
    """None when there is nothing to scan: not provisioned, an operation in flight, a late tick."""
    admitted = await provisioned(deps.isolation, place, *ROWS)
    if admitted is None or admitted.slot.operation_id is not None:
        return None
    scanned = admitted.rows.get(keys.SCAN)
    if scanned is not None and read(Scan, place.partition, scanned).covers(started):
        return None
    return await deps.surveying.ground(admitted)


def _scan(compared: Compared, unread: Iterable[str], used: frozenset[str], started: datetime, now: datetime) -> Scan:
    """Who was not reached: the services of an unread target, and the target itself where nothing of ours runs on it."""
    missed = sorted(compared.unread | {name for name in unread if name not in used})
    return Scan(
        started_at=started,
        completed_at=now,
        status=ScanStatus.INCOMPLETE if missed else ScanStatus.COMPLETE,
        not_reached=missed,
    )


def _measure(postings: Sequence[Posting], now: datetime) -> None:
    for posting in postings:
        if posting.transition is Transition.RESOLVE:
            finding = posting.finding
            record(REMEDIATION_TIME, (now - finding.first_seen_at).total_seconds(), severity=finding.severity)


async def _summarise(index: Index, ground: Ground, postings: Sequence[Posting], now: datetime) -> None:
    after = {**ground.findings} | {posting.finding.finding_id: posting.finding for posting in postings}
    severity = highest(after.values())
    for each in Severity:
        found = sum(finding.severity is each and not finding.resolved for finding in after.values())
        record(DRIFT_OPEN, found, environment=ground.environment_id, severity=each)
    members = {
        "open_findings": sum(not finding.resolved for finding in after.values()),
        "highest_severity": severity.value if severity else None,
        "last_scan": now,
    }
    await index.summarise(ground.admitted.environment, members)
