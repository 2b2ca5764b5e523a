"""What is wanted against what a target tells: one rule per kind of finding, pure.

Specifications are compared, never readiness: a replica that does not start is health's to tell. What cannot be read, or is
changing just now, is not judged at all: it raises nothing, and it resolves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

from shared.runtime.catalog.model import Placed, version_of
from shared.runtime.drift.model import FindingKind, Owner
from shared.targets.port import Observation, ObservedRevision

ABSENT = "absent"


@dataclass(frozen=True)
class Difference:
    kind: FindingKind
    service_id: str | None
    desired: str
    actual: str
    owner: Owner


@dataclass(frozen=True)
class Compared:
    """`unread`: services whose target could not be asked. `unjudged`: those, and the ones in the middle of a change."""

    differences: list[Difference]
    unread: frozenset[str]
    unjudged: frozenset[str]


@dataclass(frozen=True)
class Seen:
    """One service: as it is wanted and as its target tells it."""

    placed: Placed
    observation: Observation
    serving: ObservedRevision
    scaled: bool  # a scaling policy owns its count


@dataclass(frozen=True)
class Rule:
    """`found` gives what was wanted and what is, as texts to show; None when the two agree."""

    kind: FindingKind
    owner: Owner
    found: Callable[[Seen], tuple[str, str] | None]


def _image(seen: Seen) -> tuple[str, str] | None:
    wanted, actual = seen.placed.workload.image, seen.serving.image
    if wanted == actual:
        return None
    versions = version_of(wanted), version_of(actual)
    telling = all(versions) and versions[0] != versions[1]
    return versions if telling else (wanted, actual)


def _replica_count(seen: Seen) -> tuple[str, str] | None:
    """A count under an autoscaler, or under a policy whose autoscaler is still to come, is not the deployment's."""
    wanted, actual = seen.placed.workload.replicas, seen.observation.replicas
    if seen.scaled or seen.observation.autoscaled or wanted == actual:
        return None
    return str(wanted), str(actual)


RULES = (
    Rule(FindingKind.IMAGE_VERSION_MISMATCH, Owner.DEPLOYMENT, _image),
    Rule(FindingKind.REPLICA_COUNT_MISMATCH, Owner.DEPLOYMENT, _replica_count),
)
JUDGED = frozenset({FindingKind.MISSING_SERVICE, *(rule.kind for rule in RULES)})


def compare(
    wanted: Mapping[str, Placed],
    observed: Mapping[str, Mapping[str, Observation]],
    policies: Container[tuple[str, str]],
) -> Compared:
    """The differences between what is wanted and what was observed.

    Args:
        wanted: service id -> its wanted state and target.
        observed: target -> service id -> observation, of every target that could be read and of no other.
        policies: the (service, target) pairs that a scaling policy owns the count of.
    """
    differences: list[Difference] = []
    unread, changing = set(), set()
    for service_id, placed in wanted.items():
        if placed.target not in observed:
            unread.add(service_id)
            continue
        observation = observed[placed.target].get(service_id)
        if observation is None:
            differences.append(_missing(service_id, placed))
        elif observation.serving is None:
            changing.add(service_id)
        else:
            scaled = (service_id, placed.target) in policies
            differences += _differences(service_id, Seen(placed, observation, observation.serving, scaled))
    return Compared(differences, frozenset(unread), frozenset(unread | changing))


def _missing(service_id: str, placed: Placed) -> Difference:
    image = placed.workload.image
    return Difference(FindingKind.MISSING_SERVICE, service_id, version_of(image) or image, ABSENT, Owner.DEPLOYMENT)


def _differences(service_id: str, seen: Seen) -> list[Difference]:
    found = [(rule, rule.found(seen)) for rule in RULES]
    return [Difference(rule.kind, service_id, *texts, rule.owner) for rule, texts in found if texts]
