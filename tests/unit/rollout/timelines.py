"""Scripted timelines of a gate, and an oracle that says by plain simulation what must become of them.

A timeline is what happened: at which second somebody looked, and what he saw of each service, in words. `evidence_of`
tells it as the code stores it; `oracle` never looks at that: it reads the words.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.runtime.health.document import Check, HealthStatus
from shared.runtime.health.witness import ABSENT, STARTING, UNREACHABLE, Sample
from shared.runtime.rollout.gate import Evidence, Expected, GatePolicy
from tests.unit.doubles.clock import NOON

# What one look can see.
HEALTHY, DEGRADED, UNHEALTHY, UNKNOWN = "healthy", "degraded", "unhealthy", "unknown"
MISSING, STARTS, AWAY = "missing", "starting", "away"
OTHER_REVISION, OLD, OLD_BY_NOTHING = "other revision, healthy", "healthy before the apply", "healthy at the apply"
WORDS = (HEALTHY, DEGRADED, UNHEALTHY, UNKNOWN, MISSING, STARTS, AWAY, OTHER_REVISION, OLD, OLD_BY_NOTHING)

_STATUS = {HEALTHY: HealthStatus.HEALTHY, DEGRADED: HealthStatus.DEGRADED, UNHEALTHY: HealthStatus.UNHEALTHY}
_HEALTHY_LOOKING = {OTHER_REVISION, OLD, OLD_BY_NOTHING}
_DETAIL = {UNKNOWN: "timeout", MISSING: ABSENT, STARTS: STARTING, AWAY: UNREACHABLE}


@dataclass(frozen=True)
class Timeline:
    policy: GatePolicy
    applied: Mapping[str, float]  # service -> second
    looks: list[tuple[float, dict[str, str]]]  # (second, service -> word), oldest first
    skew: float = 0.0  # seconds that the clock which dates the samples is off

    @property
    def expected(self) -> list[Expected]:
        return [
            Expected(service_id=service, revision=f"r-{service}", applied_at=at(second))
            for service, second in self.applied.items()
        ]


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def sample(timeline: Timeline, service: str, second: float, word: str) -> Sample:
    taken = {OLD: timeline.applied[service] - 7, OLD_BY_NOTHING: timeline.applied[service]}.get(
        word, second + timeline.skew
    )
    status = HealthStatus.HEALTHY if word in _HEALTHY_LOOKING else _STATUS.get(word, HealthStatus.UNKNOWN)
    unseen = word in (MISSING, AWAY)
    return Sample(
        service_id=service,
        revision=None if unseen else "r-earlier" if word == OTHER_REVISION else f"r-{service}",
        image=None if unseen else f"acr.azurecr.io/{service}:2",
        status=status,
        checks=[Check(name="self", status=status)] if status is not HealthStatus.UNKNOWN else [],
        evaluated_at=at(taken),
        last_evaluated_at=at(taken),
        detail=_DETAIL.get(word),
    )


def evidence_of(timeline: Timeline) -> Evidence:
    evidence = Evidence()
    for second, words in timeline.looks:
        samples = [sample(timeline, service, second, word) for service, word in words.items()]
        evidence = evidence.with_round(at(second), samples, timeline.expected)
    return evidence


def oracle(timeline: Timeline) -> str | None:
    """The verdict's word, or None while it is open."""
    policy = timeline.policy
    opens = max(timeline.applied.values()) + policy.wait_seconds
    closes = opens + policy.retry_timeout_seconds
    limits = {"Failed": policy.failure_limit, "Inconclusive": policy.inconclusive_limit, "Error": policy.error_limit}
    strikes = {"Failed": 0, "Inconclusive": 0, "Error": 0}
    streak: float | None = None
    before: float | None = None
    for second, words in timeline.looks:
        if second < opens:
            continue
        if before is not None and second - before > 30:
            streak = None  # nobody looked for so long: what is healthy now begins anew
        before = second
        what = _round(timeline, second, words)
        if what == "fine":
            streak = second if streak is None else streak
            if second - streak >= policy.stable_seconds:
                return "Passed"
            continue
        streak = None
        strikes[what] += 1
        allowed = limits[what]
        if second >= closes or (allowed is not None and strikes[what] > allowed):
            return what
    return None


def _round(timeline: Timeline, second: float, words: Mapping[str, str]) -> str:
    told = set()
    for service, word in words.items():
        if word == AWAY:
            told.add("Error")
        elif word in (DEGRADED, UNHEALTHY):
            told.add("Failed" if second + timeline.skew > timeline.applied[service] else "Inconclusive")
        elif word == HEALTHY:
            told.add("fine" if second + timeline.skew > timeline.applied[service] else "Inconclusive")
        else:
            told.add("Inconclusive")
    return next(kind for kind in ("Failed", "Error", "Inconclusive", "fine") if kind in told)


# Scripts: how a look follows the one before.

Script = Callable[[random.Random, int, float], str]


def _mostly(usual: str, *odd: str, one_in: int = 6) -> Script:
    return lambda chance, _, __: chance.choice(odd) if chance.randrange(one_in) == 0 else usual


def _turns(first: str, then: str, *, within: int = 90) -> Script:
    turning: dict[int, float] = {}

    def script(chance: random.Random, _: int, second: float) -> str:
        turn = turning.setdefault(id(chance), chance.uniform(0, within))
        return first if second < turn else then

    return script


SCRIPTS: Mapping[str, Script] = {
    "steady": _mostly(HEALTHY, HEALTHY),
    "flapping": lambda chance, index, _: HEALTHY if (index // chance.randint(1, 4)) % 2 else UNHEALTHY,
    "slow": _turns(STARTS, HEALTHY),
    "never ready": _mostly(STARTS, MISSING),
    "stale": _turns(OLD, HEALTHY),
    "stale again and again": _mostly(HEALTHY, OLD, OLD_BY_NOTHING),
    "missing": _mostly(HEALTHY, MISSING, one_in=9),
    "wrong revision": _turns(OTHER_REVISION, HEALTHY),
    "wrong revision for ever": _mostly(OTHER_REVISION, HEALTHY, one_in=4),
    "healthy, then failing": _turns(HEALTHY, UNHEALTHY, within=40),
    "healthy, then degraded": _turns(HEALTHY, DEGRADED, within=40),
    "target away": _mostly(HEALTHY, AWAY, AWAY, UNKNOWN, one_in=5),
    "anything": lambda chance, _, __: chance.choice(WORDS),
}


def scripted(name: str, seed: int) -> Timeline:
    """A timeline of one script: one to three services, irregular looks, sometimes a long silence, sometimes a skew."""
    chance = random.Random(f"{name} {seed}")  # noqa: S311 - a script, no secret
    script = SCRIPTS[name]
    applied = {service: round(chance.uniform(0, 6), 3) for service in ("api", "web", "db")[: chance.randint(1, 3)]}
    looks: list[tuple[float, dict[str, str]]] = []
    second = chance.uniform(0, 8)
    for index in range(chance.randint(5, 80)):
        looks.append((round(second, 3), {service: script(chance, index, second) for service in applied}))
        second += chance.uniform(31, 90) if chance.randrange(25) == 0 else chance.uniform(0.5, 8)
    return Timeline(_policy(chance), applied, looks, skew=chance.choice((0.0, 0.0, 0.0, -4.0, 3.0)))


def _policy(chance: random.Random) -> GatePolicy:
    def limit() -> int | None:
        return chance.choice((None, None, None, 0, 1, 3, 10))

    return GatePolicy(
        wait_seconds=chance.choice((0, 0, 5, 20)),
        stable_seconds=chance.choice((0, 1, 10, 30, 60)),
        retry_timeout_seconds=chance.choice((1, 30, 60, 120)),
        failure_limit=limit(),
        inconclusive_limit=limit(),
        error_limit=limit(),
    )
