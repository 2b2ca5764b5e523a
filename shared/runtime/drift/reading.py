"""Findings as callers see them, with the scan that they come from.

An environment has a few hundred findings at most and each changes its place when it comes back: they are sorted when they
are read, by (detected, id), which is also what a page continues after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.access.caller import Caller
from shared.kernel.clock import newest_first
from shared.kernel.errors import NotFound
from shared.runtime.drift.model import MOST, PREFIX, Finding, FindingKind, FindingStatus, Scan, Severity
from shared.runtime.environments.isolation import Isolation
from shared.store import keys
from shared.store.port import Store
from shared.store.reading import read, read_all


@dataclass(frozen=True)
class FindingPage:
    findings: list[dict[str, Any]]
    last_scan: Scan
    after: str | None  # where the next page begins; None on the last


@dataclass(frozen=True)
class Filters:
    """None: whichever; without a status all that are unresolved."""

    status: FindingStatus | None = None
    kind: FindingKind | None = None
    severity: Severity | None = None
    service_id: str | None = None

    def let_pass(self, finding: Finding) -> bool:
        of_status = finding.status is self.status if self.status else not finding.resolved
        return (
            of_status
            and self.kind in (None, finding.kind)
            and self.severity in (None, finding.severity)
            and self.service_id in (None, finding.service_id)
        )


@dataclass(frozen=True)
class DriftReader:
    store: Store
    isolation: Isolation

    async def findings(self, caller: Caller, environment_id: str, filters: Filters, limit: int, after: str) -> FindingPage:
        """Up to `limit` findings, newest detection first.

        Raises `NotFound`, also for what is another tenant's.
        """
        admitted = await self.isolation.admit(caller.tenant_id, environment_id, keys.SCAN)
        if admitted.environment.environment_id != environment_id:
            raise NotFound("environment", environment_id)
        partition = admitted.place.partition
        scanned = admitted.rows.get(keys.SCAN)
        scan = read(Scan, partition, scanned) if scanned else Scan()
        found = read_all(Finding, partition, await self.store.list(partition, PREFIX, limit=MOST))
        wanted = [finding for finding in found if filters.let_pass(finding) and position(finding) > after]
        wanted.sort(key=position)
        shown = wanted[:limit]
        return FindingPage(
            findings=[finding.document() for finding in shown],
            last_scan=scan,
            after=position(shown[-1]) if len(wanted) > len(shown) > 0 else None,
        )


def position(finding: Finding) -> str:
    """Where a finding stands in the list: fixed width, so that texts sort as times do."""
    return f"{newest_first(finding.detected_at)}-{finding.finding_id}"
