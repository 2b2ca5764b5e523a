"""What a scan does to the standing findings: pure, so that the same scan on the same ledger is the same postings.

A difference that stands is one finding that is seen again and again; it resolves when a scan that could judge it does not
see it, and reopens when it is back. Only what is new to people, a new or a reopened finding, is announced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.kernel.ids import EnvironmentId
from shared.runtime.drift.compare import Compared, Difference
from shared.runtime.drift.model import SEVERITY, Finding, FindingStatus, finding_id
from shared.runtime.drift.transitions import TRANSITIONS, Transition

_ANNOUNCED = frozenset({Transition.DETECT, Transition.REOPEN})


@dataclass(frozen=True)
class Posting:
    """A finding as a scan leaves it, and what the scan did to it."""

    finding: Finding
    transition: Transition

    @property
    def moved(self) -> bool:
        """Whether the finding has another status now: what the timeline tells."""
        return self.transition is not Transition.SEE

    @property
    def announced(self) -> bool:
        return self.transition in _ANNOUNCED


@dataclass(frozen=True)
class Ledger:
    environment_id: EnvironmentId
    signing_key: bytes = field(repr=False)

    def post(self, standing: Sequence[Finding], compared: Compared, now: datetime) -> list[Posting]:
        """The findings that the scan changes; what it could not judge is left as it stands.

        `standing`: all findings, resolved ones too.
        """
        by_id = {finding.finding_id: finding for finding in standing}
        met = {self._ident(difference): difference for difference in compared.differences}
        postings = [self._met(by_id.get(ident), ident, difference, now) for ident, difference in met.items()]
        gone = [
            finding
            for finding in standing
            if not finding.resolved and finding.finding_id not in met and compared.judged(finding)
        ]
        return postings + [_posted(finding, Transition.RESOLVE, FindingStatus.RESOLVED) for finding in gone]

    def _ident(self, difference: Difference) -> str:
        return finding_id(self.signing_key, self.environment_id, difference.kind, difference.service_id)

    def _met(self, finding: Finding | None, ident: str, difference: Difference, now: datetime) -> Posting:
        if finding is None:
            return self._detected(ident, difference, now)
        seen = {
            "desired": difference.desired,
            "actual": difference.actual,
            "owner": difference.owner,
            "last_seen_at": now,
            "occurrences": finding.occurrences + 1,
        }
        if not _is_back(finding, now):
            return _posted(finding, Transition.SEE, finding.status, seen)
        anew: dict[str, Any] = {"detected_at": now, "decision": None}
        if finding.status is not FindingStatus.REMEDIATING:  # a remedy that did not help counts, whatever came before
            anew["attempts"] = None
        return _posted(finding, Transition.REOPEN, FindingStatus.REOPENED, {**seen, **anew})

    def _detected(self, ident: str, difference: Difference, now: datetime) -> Posting:
        TRANSITIONS.require(Transition.DETECT, None, FindingStatus.OPEN)
        finding = Finding(
            finding_id=ident,
            environment_id=self.environment_id,
            service_id=difference.service_id,
            kind=difference.kind,
            desired=difference.desired,
            actual=difference.actual,
            severity=SEVERITY[difference.kind],
            detected_at=now,
            status=FindingStatus.OPEN,
            owner=difference.owner,
            first_seen_at=now,
            last_seen_at=now,
            occurrences=1,
        )
        return Posting(finding, Transition.DETECT)


def _is_back(finding: Finding, now: datetime) -> bool:
    """Whether seeing the difference now is news: it was gone, was to be mended, or was accepted for a time that is over."""
    if finding.status is FindingStatus.ACCEPTED_UNTIL:
        until = finding.decision.until if finding.decision else None
        return until is None or until <= now
    return finding.status in (FindingStatus.RESOLVED, FindingStatus.REMEDIATING)


def _posted(
    finding: Finding, transition: Transition, status: FindingStatus, update: dict[str, Any] | None = None
) -> Posting:
    TRANSITIONS.require(transition, finding.status, status)
    return Posting(finding.model_copy(update={**(update or {}), "status": status}), transition)
