"""A scan: read what is wanted, ask each target once, post the differences to the ledger.

Invariants
- What is wanted is the stable snapshot. It becomes stable in the transaction that frees the slot; the catalog's rows follow
  later, and compared with them a scan in between would call every fresh deployment drift.
- What is written is conditional on the slot as it was read before anything else, free (see `writing`).
- A tick older than the last scan, or the same one delivered again, is dropped.

Failure modes: a target that cannot be asked makes the scan Incomplete and changes no finding of its services.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.events.journal import Journal, Place
from shared.kernel.errors import Refused, Transient
from shared.runtime.catalog.model import Placed
from shared.runtime.catalog.rows import Catalog
from shared.runtime.drift.compare import JUDGED, Compared, compare
from shared.runtime.drift.ledger import Ledger, Posting
from shared.runtime.drift.model import MOST, PREFIX, Finding, Scan, ScanStatus, highest
from shared.runtime.drift.writing import Ground, Writing
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.sweeping import provisioned, visit_shard
from shared.runtime.scaling.reading import Policies
from shared.store import keys
from shared.store.port import Conflict
from shared.store.reading import read, read_all
from shared.targets.port import Observation, Site, Target

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deps:
    isolation: Isolation
    catalog: Catalog
    policies: Policies
    journal: Journal
    index: Index
    targets: Mapping[str, Target]
    signing_key: bytes = field(repr=False)


async def scan_shard(deps: Deps, shard: int, tick: datetime) -> None:
    """Scan every environment of a shard. Raises `Transient` when the shard's list cannot be read."""
    await visit_shard(deps.journal.store, shard, lambda place: scan_environment(deps, place, tick))


async def scan_environment(deps: Deps, place: Place, started: datetime) -> None:
    """Compare a provisioned environment that nothing is changing with what is wanted there.

    `started` is the tick. Key: (environment, tick). Raises `Transient` when the store cannot be asked, `Unreadable`.
    """
    ground = await _ground(deps, place, started)
    if ground is None:
        return
    observed = await _observed(deps.targets, ground.admitted.environment.site, ground.wanted)
    compared = compare(ground.wanted, observed, ground.policies)
    now = deps.journal.clock()
    ledger = Ledger(ground.environment_id, deps.signing_key)
    judged = [finding for finding in ground.findings.values() if finding.kind in JUDGED]
    postings = [posting for posting in ledger.post(judged, compared, now) if ground.may_write(posting.finding)]
    try:
        await Writing(deps.journal, ground).write(postings, _scan(compared, started, now))
    except Conflict as conflict:
        log.info("a drift scan of %s is void: %s changed meanwhile", place.environment_id, conflict.key)
        return
    await _summarise(deps.index, ground, postings, now)


async def _ground(deps: Deps, place: Place, started: datetime) -> Ground | None:
    """None when there is nothing to scan: not provisioned, an operation in flight, a late tick, nothing wanted."""
    admitted = await provisioned(deps.isolation, place, keys.SCAN)
    if admitted is None or admitted.slot.operation_id is not None:
        return None
    scanned = admitted.rows.get(keys.SCAN)
    if scanned is not None and read(Scan, place.partition, scanned).covers(started):
        return None
    snapshot, policies, rows = await asyncio.gather(
        deps.catalog.snapshot(place, admitted.environment.stable_deployment_id),
        deps.policies.scalings(place),
        deps.journal.store.list(place.partition, PREFIX, limit=MOST),
    )
    findings = {finding.finding_id: finding for finding in read_all(Finding, place.partition, rows)}
    wanted = snapshot.services if snapshot else {}
    if not wanted and all(finding.resolved for finding in findings.values()):
        return None
    return Ground(admitted, wanted, policies, {row.key: row for row in rows}, findings)


async def _observed(
    targets: Mapping[str, Target], site: Site, wanted: Mapping[str, Placed]
) -> dict[str, Mapping[str, Observation]]:
    """What each target in use tells; the ones that cannot be read are absent."""

    async def one(name: str) -> Mapping[str, Observation] | None:
        if name not in targets:
            return None
        try:
            return await targets[name].observe(site)
        except (Transient, Refused) as error:
            log.warning("the drift scan of %s could not read %s: %r", site.environment_id, name, error)
            return None

    names = sorted({placed.target for placed in wanted.values()})
    told = zip(names, await asyncio.gather(*[one(name) for name in names]), strict=True)
    return {name: observations for name, observations in told if observations is not None}


def _scan(compared: Compared, started: datetime, now: datetime) -> Scan:
    return Scan(
        started_at=started,
        completed_at=now,
        status=ScanStatus.INCOMPLETE if compared.unread else ScanStatus.COMPLETE,
        not_reached=sorted(compared.unread),
    )


async def _summarise(index: Index, ground: Ground, postings: Sequence[Posting], now: datetime) -> None:
    after = {**ground.findings} | {posting.finding.finding_id: posting.finding for posting in postings}
    severity = highest(after.values())
    members = {
        "open_findings": sum(not finding.resolved for finding in after.values()),
        "highest_severity": severity.value if severity else None,
        "last_scan": now,
    }
    await index.summarise(ground.admitted.environment, members)
