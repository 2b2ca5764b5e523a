"""What agents inside a network tell a gate that cannot look there itself.

A report stands in for a look only where no address of the new revision can be reached from here, and only if it is of the
new revision: it was taken after the apply, and it names the revision. One that names none (over gRPC, whose contract has no
field for it) is of the revision whose image it names, if that image is not the one that ran before: else it could be of
either. It counts while it is fresh. All else leaves the sample as it was, which never promotes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.runtime.health.reports import ReportedHealth
from shared.runtime.health.witness import UNADDRESSED, Sample
from shared.targets.port import Workload

FRESH = timedelta(seconds=30)  # an agent looks at least that often, or there is no streak
OUT_OF_REACH = frozenset({UNADDRESSED, "blocked-address", "unresolved", "unreachable"})  # of the prober's reasons


@dataclass(frozen=True)
class Awaited:
    """What a report has to be of."""

    revision: str
    images: frozenset[str]  # of the new revision, as it is shown and as it is deployed
    before: frozenset[str]  # of what ran until the apply
    applied_at: datetime

    @classmethod
    def of(cls, wanted: Workload, before: Workload | None, applied_at: datetime) -> Awaited:
        return cls(wanted.revision, _images(wanted), _images(before) if before else frozenset(), applied_at)

    def is_of(self, report: ReportedHealth) -> bool:
        if report.revision is not None:
            return report.revision == self.revision
        return report.image in self.images and report.image not in self.before


def _images(workload: Workload) -> frozenset[str]:
    return frozenset({workload.image, workload.reference})


def out_of_reach(sample: Sample) -> bool:
    """Whether nobody here could ask the service: an answer of one replica is an answer."""
    return sample.detail in OUT_OF_REACH and not sample.checks


def told(sample: Sample, awaited: Awaited, reports: Mapping[str, ReportedHealth], now: datetime) -> Sample:
    """The sample, by the word of an agent where that is evidence. Pure."""
    report = reports.get(sample.service_id)
    if report is None or not out_of_reach(sample) or not _is_evidence(report, awaited, now):
        return sample
    return sample.model_copy(
        update={
            "status": report.status,
            "checks": report.checks,
            "evaluated_at": report.observed_at,
            "last_evaluated_at": report.observed_at,
            "detail": f"reported by {report.source}",
        }
    )


def _is_evidence(report: ReportedHealth, awaited: Awaited, now: datetime) -> bool:
    return awaited.is_of(report) and awaited.applied_at < report.observed_at <= now <= report.observed_at + FRESH
