"""How a service can differ from what is wanted: one rule per kind, pure. Settings come in and go out redacted.

A rule answers with the fields that differ; with none where the two agree; with None where that cannot be told now, which
raises nothing and resolves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shared.runtime.catalog.model import Placed, version_of
from shared.runtime.drift.model import FindingKind, Owner
from shared.runtime.drift.redaction import ABSENT, REFERENCE, Redaction, cut
from shared.runtime.scaling.model import Enforcement, ScalingPolicy, goes_by, is_within, keeps
from shared.targets import naming
from shared.targets.port import (
    Field,
    Holder,
    Measure,
    Observation,
    ObservedBounds,
    ObservedRevision,
    Scaling,
    SecretReference,
)

ENFORCED = frozenset({Enforcement.ENFORCED, Enforcement.PARTIAL})
NO_REFERENCE = "a value, not a reference"
NO_AUTOSCALER = "no autoscaler"
NO_POLICY = "no policy"
NO_MEASURE = "nothing"
PAUSED = "paused: no autoscaler"


@dataclass(frozen=True)
class Part:
    """One field that differs, as texts to show."""

    field: str
    desired: str
    actual: str


@dataclass(frozen=True)
class Seen:
    """One service: as it is wanted and as its target tells it."""

    placed: Placed
    observation: Observation
    serving: ObservedRevision
    policy: ScalingPolicy | None
    redaction: Redaction

    def owner(self, field: Field | None, otherwise: Owner) -> Owner:
        """Of a field that is `otherwise`'s by design, as far as the target's own book does not say something else."""
        holder = self.observation.holders.get(field, Holder.PLATFORM) if field else Holder.PLATFORM
        return {Holder.AUTOSCALER: Owner.SCALING_POLICY, Holder.SOMEBODY: Owner.UNKNOWN}.get(holder, otherwise)


Parts = Sequence[Part] | None
NONE: Sequence[Part] = ()


@dataclass(frozen=True)
class Rule:
    kind: FindingKind
    field: Field | None  # in the target's book; None where it keeps none of it
    owner: Owner
    found: Callable[[Seen], Parts]


def image(seen: Seen) -> Parts:
    wanted, actual = seen.placed.workload.image, seen.serving.image
    if wanted == actual:
        return NONE
    versions = version_of(wanted), version_of(actual)
    told = versions if all(versions) and versions[0] != versions[1] else (wanted, actual)
    return [Part("image", *map(cut, told))]


def replicas(seen: Seen) -> Parts:
    """A count under an autoscaler, or under a policy whose autoscaler is still to come, is not the deployment's."""
    wanted, actual = seen.placed.workload.replicas, seen.observation.replicas
    if seen.policy is not None or seen.observation.autoscaled or wanted == actual:
        return NONE
    return [Part("replicas", str(wanted), str(actual))]


def configuration(seen: Seen) -> Parts:
    """Plain settings, and references where a plain one is wanted."""
    wanted, actual, of = seen.placed.workload.env, seen.observation.env, seen.redaction.of
    parts = []
    for name in sorted({*wanted, *actual}):
        value = wanted.get(name)
        if isinstance(value, SecretReference):
            continue
        desired, found = of(value), of(actual.get(name))
        if desired != found:
            parts.append(Part(name, desired, found))
    return parts


def secrets(seen: Seen) -> Parts:
    parts = []
    for name, value in seen.placed.workload.env.items():
        if not isinstance(value, SecretReference):
            continue
        desired, actual = f"{REFERENCE}{naming.secret_uri(value)}", seen.observation.env.get(name)
        if actual is None or actual.rstrip("/").lower() != desired.lower():
            parts.append(Part(name, cut(desired), _reference(actual)))
    return parts


def _reference(actual: str | None) -> str:
    if actual is None:
        return ABSENT
    return cut(actual) if actual.startswith(REFERENCE) else NO_REFERENCE


def scaling(seen: Seen) -> Parts:
    """A policy that was enforced and is not kept, and an autoscaler that no policy asked for."""
    policy, bounds = seen.policy, seen.observation.bounds
    actual = _told(bounds) if bounds else NO_AUTOSCALER
    if policy is None:
        strange = bounds is not None and seen.placed.workload.scaling is None
        return [Part("bounds", NO_POLICY, actual)] if strange else NONE
    kept = keeps(policy, seen.observation) if policy.enforcement in ENFORCED else None
    if kept is None:
        return None
    wanted = policy.honoured()
    if kept:
        return NONE
    if wanted is None or bounds is None:
        return [Part("bounds", _told(wanted) if wanted else PAUSED, actual)]
    within = NONE if is_within(wanted, bounds) else [Part("bounds", _told(wanted), actual)]
    by = NONE if goes_by(wanted, bounds) else [Part("measure", _by([wanted.measure]), _by(bounds.measures or ()))]
    return [*within, *by]


def _told(bounds: ObservedBounds | Scaling) -> str:
    return f"{bounds.min_replicas} to {bounds.max_replicas} replicas"


def _by(measures: Iterable[Measure]) -> str:
    named = [one.metric if one.percent is None else f"{one.metric} at {one.percent} %" for one in measures]
    return cut(", ".join(named)) or NO_MEASURE


RULES = (
    Rule(FindingKind.IMAGE_VERSION_MISMATCH, Field.IMAGE, Owner.DEPLOYMENT, image),
    Rule(FindingKind.REPLICA_COUNT_MISMATCH, Field.REPLICAS, Owner.DEPLOYMENT, replicas),
    Rule(FindingKind.CONFIGURATION_MISMATCH, Field.SETTINGS, Owner.DEPLOYMENT, configuration),
    Rule(FindingKind.SECRET_VERSION_MISMATCH, Field.SETTINGS, Owner.ROTATION, secrets),
    Rule(FindingKind.SCALING_POLICY_MISMATCH, None, Owner.SCALING_POLICY, scaling),
)
