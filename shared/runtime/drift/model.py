"""A finding: one field of one service that is not as it is wanted, from when it was first seen to when it went away.

There is one finding per (environment, service, kind) and its id follows from the three: what comes back is the finding
that was there before, and two scans can never make two of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from shared.kernel import ids
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record

PREFIX = f"{ids.Kind.FINDING}-"
MOST = 10_000  # findings of an environment: 500 services, every kind, and what was there before them


class FindingKind(StrEnum):
    IMAGE_VERSION_MISMATCH = "ImageVersionMismatch"
    REPLICA_COUNT_MISMATCH = "ReplicaCountMismatch"
    CONFIGURATION_MISMATCH = "ConfigurationMismatch"
    SECRET_VERSION_MISMATCH = "SecretVersionMismatch"  # noqa: S105 - a kind of finding
    SCALING_POLICY_MISMATCH = "ScalingPolicyMismatch"
    MISSING_SERVICE = "MissingService"
    UNEXPECTED_SERVICE = "UnexpectedService"
    INFRASTRUCTURE_MISMATCH = "InfrastructureMismatch"  # of the environment itself
    ISOLATION_BREACH = "IsolationBreach"  # of the platform's own environment; no scan raises or resolves it


class Severity(StrEnum):
    CRITICAL = "Critical"
    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


SEVERITY = {
    FindingKind.MISSING_SERVICE: Severity.CRITICAL,
    FindingKind.IMAGE_VERSION_MISMATCH: Severity.HIGH,
    FindingKind.ISOLATION_BREACH: Severity.CRITICAL,
    FindingKind.INFRASTRUCTURE_MISMATCH: Severity.HIGH,
    FindingKind.SECRET_VERSION_MISMATCH: Severity.HIGH,
    FindingKind.CONFIGURATION_MISMATCH: Severity.MEDIUM,
    FindingKind.REPLICA_COUNT_MISMATCH: Severity.MEDIUM,
    FindingKind.SCALING_POLICY_MISMATCH: Severity.MEDIUM,
    FindingKind.UNEXPECTED_SERVICE: Severity.LOW,
}


class Owner(StrEnum):
    """Who decides on the field that differs; unknown where nobody of ours does, or somebody else took it. Never guessed."""

    DEPLOYMENT = "deployment"
    SCALING_POLICY = "scaling-policy"
    ROTATION = "rotation"
    UNKNOWN = "unknown"


class FindingStatus(StrEnum):
    OPEN = "Open"
    ACKNOWLEDGED = "Acknowledged"
    ACCEPTED_UNTIL = "AcceptedUntil"
    REMEDIATING = "Remediating"
    RESOLVED = "Resolved"
    REOPENED = "Reopened"


class Decision(Record):
    """What a person said about a finding."""

    by: str
    at: datetime
    until: datetime | None = None  # of an acceptance
    reason: str


class Finding(Record):
    finding_id: str
    environment_id: EnvironmentId
    service_id: str | None = None  # None: it is about the environment itself
    kind: FindingKind
    desired: str
    actual: str
    severity: Severity
    detected_at: datetime  # of this time; `first_seen_at` is of the first time ever
    status: FindingStatus
    owner: Owner
    first_seen_at: datetime
    last_seen_at: datetime
    occurrences: int  # scans that saw it
    attempts: int | None = None  # remediations since it was detected
    decision: Decision | None = None

    @property
    def resolved(self) -> bool:
        return self.status is FindingStatus.RESOLVED


class FindingDecided(Finding):
    """What is answered to a decision; `deployment_id`: what it began."""

    trace_id: str
    deployment_id: str | None = None


class ScanStatus(StrEnum):
    COMPLETE = "Complete"
    INCOMPLETE = "Incomplete"
    NEVER = "Never"


class Scan(Record):
    """The last scan of an environment: no findings is not the same as not scanned."""

    started_at: datetime | None = None
    completed_at: datetime | None = None
    status: ScanStatus = ScanStatus.NEVER
    not_reached: list[str] = []  # services whose target could not be read, and targets that nothing of ours runs on

    def covers(self, tick: datetime) -> bool:
        """Whether a scan of that tick would be late, or a repetition."""
        return self.started_at is not None and tick <= self.started_at


class FindingsOf(Record):
    """What a list of findings says beside them."""

    environment_id: str
    last_scan: Scan


def finding_id(signing_key: bytes, environment_id: EnvironmentId, kind: FindingKind, service_id: str | None) -> str:
    own = ids.derived(signing_key, "finding", environment_id, kind, service_id or "")
    return ids.inside(ids.Kind.FINDING, environment_id, own)


def highest(findings: Iterable[Finding]) -> Severity | None:
    """The most severe of what is not resolved; None when all is."""
    order = list(Severity)
    return min((one.severity for one in findings if not one.resolved), key=order.index, default=None)
