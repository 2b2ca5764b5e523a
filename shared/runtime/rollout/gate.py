"""The verdict on a wave: a pure function of its evidence, so that a stored decision can be replayed.

Time runs wait -> stable -> retry timeout. A round is one look at every service of the wave. It is healthy only if every
service is; rounds in an unbroken healthy streak of `stable_seconds` pass the gate. A round that is not healthy breaks the
streak; at the retry timeout, or beyond the limit of its kind, it decides. *Failed* is definite: a service said so.
*Inconclusive*: nobody could tell. *Error*: the target could not be asked. None of the three ever promotes. Nor does a
silence: rounds further apart than `LONGEST_SILENCE` (the platform itself was away) are no streak, and no strike either.

A sample counts only if it was taken after the apply and is of the revision that was applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from shared.kernel.record import Record
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.witness import UNREACHABLE, Sample

LONGEST_SILENCE = timedelta(seconds=30)  # far more than a look and the pause before it take


class Verdict(StrEnum):
    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


class OnFailure(StrEnum):
    ROLLBACK = "Rollback"
    PAUSE = "Pause"


class GatePolicy(Record):
    """Durations in seconds; a limit is how many rounds of its kind are borne, None = as many as fit in the timeout."""

    wait_seconds: int = Field(default=0, ge=0, le=3600)
    stable_seconds: int = Field(default=60, ge=0, le=3600)
    retry_timeout_seconds: int = Field(default=300, ge=1, le=7200)
    failure_limit: int | None = Field(default=None, ge=0, le=1000)
    inconclusive_limit: int | None = Field(default=None, ge=0, le=1000)
    error_limit: int | None = Field(default=None, ge=0, le=1000)
    on_failure: OnFailure = OnFailure.ROLLBACK

    def limit(self, verdict: Verdict) -> int | None:
        limits = {
            Verdict.FAILED: self.failure_limit,
            Verdict.INCONCLUSIVE: self.inconclusive_limit,
            Verdict.ERROR: self.error_limit,
        }
        return limits.get(verdict)

    @property
    def longest(self) -> timedelta:
        """While somebody looks, the gate takes no longer, but for the looks: a streak may end after the timeout."""
        return timedelta(seconds=self.wait_seconds + self.retry_timeout_seconds + self.stable_seconds)


class Expected(Record):
    """What a service of the wave must be seen as."""

    service_id: str
    revision: str
    applied_at: datetime


class Evidence(Record):
    """Everything a verdict follows from: the rounds' times and, per service, its samples in order."""

    rounds: list[datetime] = []
    samples: list[Sample] = []

    def with_round(self, at: datetime, samples: Iterable[Sample], expected: Iterable[Expected]) -> Evidence:
        """Each service has exactly one sample a round; what looks like the one before is counted, not repeated.

        A look from before the apply (clocks differ) is never counted with one from after it: it does not count at all.
        """
        applied = {service.service_id: service.applied_at for service in expected}
        runs = list(self.samples)
        last = {run.service_id: index for index, run in enumerate(runs)}
        for sample in samples:
            index = last.get(sample.service_id)
            if index is not None and runs[index].same_as(sample) and _same_side(runs[index], sample, applied):
                runs[index] = runs[index].model_copy(
                    update={"count": runs[index].count + 1, "last_evaluated_at": sample.evaluated_at}
                )
            else:
                runs.append(sample)
        return Evidence(rounds=[*self.rounds, at], samples=runs)


def _same_side(run: Sample, sample: Sample, applied: Mapping[str, datetime]) -> bool:
    """Whether both were taken after the apply, or both before."""
    at = applied.get(sample.service_id)
    return at is None or (run.evaluated_at > at) == (sample.evaluated_at > at)


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict | None  # None: not decided yet
    healthy_since: datetime | None = None


@dataclass
class _Course:
    """What the rounds so far amount to."""

    policy: GatePolicy
    opened: datetime
    healthy_since: datetime | None = None
    looked: datetime | None = None
    seen: dict[Verdict, int] = field(default_factory=dict)

    def take(self, at: datetime, kind: Verdict) -> Verdict | None:
        silent = self.looked is not None and at - self.looked > LONGEST_SILENCE
        self.looked = at
        if kind is Verdict.PASSED:
            self.healthy_since = at if silent else self.healthy_since or at
            stable = timedelta(seconds=self.policy.stable_seconds)
            return Verdict.PASSED if at - self.healthy_since >= stable else None
        self.healthy_since = None
        self.seen[kind] = self.seen.get(kind, 0) + 1
        limit = self.policy.limit(kind)
        late = at - self.opened >= timedelta(seconds=self.policy.retry_timeout_seconds)
        return kind if late or (limit is not None and self.seen[kind] > limit) else None


def judge(policy: GatePolicy, expected: Sequence[Expected], evidence: Evidence) -> Judgement:
    """The verdict that follows from the evidence, if it is in yet. The first deciding round decides."""
    if not expected:
        return Judgement(Verdict.PASSED)
    opened = max(service.applied_at for service in expected) + timedelta(seconds=policy.wait_seconds)
    course = _Course(policy, opened)
    by_service = {service.service_id: _looks(service, evidence.samples) for service in expected}
    for index, at in enumerate(evidence.rounds):
        if at < opened:
            continue
        verdict = course.take(at, _kind(index, by_service))
        if verdict is not None:
            return Judgement(verdict, course.healthy_since)
    return Judgement(None, course.healthy_since)


def _looks(service: Expected, samples: Iterable[Sample]) -> list[Verdict]:
    """What each round said of one service."""
    looks: list[Verdict] = []
    for sample in samples:
        if sample.service_id == service.service_id:
            looks.extend([_said(service, sample)] * sample.count)
    return looks


def _said(service: Expected, sample: Sample) -> Verdict:
    if sample.detail == UNREACHABLE:
        return Verdict.ERROR
    if sample.revision != service.revision or sample.evaluated_at <= service.applied_at:
        return Verdict.INCONCLUSIVE
    said = {
        HealthStatus.HEALTHY: Verdict.PASSED,
        HealthStatus.DEGRADED: Verdict.FAILED,
        HealthStatus.UNHEALTHY: Verdict.FAILED,
    }
    return said.get(sample.status, Verdict.INCONCLUSIVE)


_WORST = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE)


def _kind(index: int, by_service: Mapping[str, Sequence[Verdict]]) -> Verdict:
    """What a round amounts to: definite failure first, then what could not be asked, then what could not be told."""
    said = {looks[index] if index < len(looks) else Verdict.INCONCLUSIVE for looks in by_service.values()}
    return next((verdict for verdict in _WORST if verdict in said), Verdict.PASSED)
