"""What is wanted against what the targets tell, pure: rule by rule (`rules`), redacted, without what people ignore.

Specifications are compared, never readiness: a replica that does not start is health's to tell. What cannot be read, or is
changing just now, is not judged at all: it raises nothing, and it resolves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.runtime.catalog.model import Placed, version_of
from shared.runtime.drift.ignoring import IgnoreRule, is_left_out
from shared.runtime.drift.model import Finding, FindingKind, Owner
from shared.runtime.drift.redaction import ABSENT, Redaction, cut
from shared.runtime.drift.rules import RULES, Part, Seen
from shared.runtime.environments.infrastructure import InfrastructureLook
from shared.runtime.scaling.model import ScalingPolicy
from shared.targets.port import Observation

NAMED = 5  # fields in a text
RESOURCE = "infrastructure"

Observed = Mapping[str, Mapping[str, Observation]]


@dataclass(frozen=True)
class Difference:
    kind: FindingKind
    service_id: str | None
    desired: str
    actual: str
    owner: Owner


@dataclass(frozen=True)
class Wanted:
    """What is to be, as it was read before any target was asked.

    `services`: by id, with secrets at the version their bindings use now. `policies`: by (service, target). `known`:
    services that the inventory has of somebody else. `look`: of the infrastructure; None when none is of today's state.
    """

    services: Mapping[str, Placed]
    policies: Mapping[tuple[str, str], ScalingPolicy]
    redaction: Redaction
    rules: Sequence[IgnoreRule] = ()
    known: frozenset[str] = frozenset()
    look: InfrastructureLook | None = None

    @property
    def targets(self) -> frozenset[str]:
        return frozenset(placed.target for placed in self.services.values())


@dataclass(frozen=True)
class Compared:
    """`unread`: services whose target could not be asked. `unjudged`: those, and the ones in the middle of a change."""

    differences: list[Difference] = field(default_factory=list)
    unread: frozenset[str] = frozenset()
    unjudged: frozenset[str] = frozenset()
    undecided: frozenset[tuple[FindingKind, str]] = frozenset()  # kinds that could not be told of a service
    targets_read: bool = True  # every target of the environment
    infrastructure_read: bool = False
    isolation_read: bool = False

    def judged(self, finding: Finding) -> bool:
        """Whether the comparison says something about it: that it is not among the differences means that it is gone."""
        kind, service_id = finding.kind, finding.service_id
        if service_id is None:
            return self.isolation_read if kind is FindingKind.ISOLATION_BREACH else self.infrastructure_read
        if service_id in self.unjudged or (kind, service_id) in self.undecided:
            return False
        return self.targets_read or kind is not FindingKind.UNEXPECTED_SERVICE


@dataclass
class _Course:
    """What the comparison has come to so far."""

    wanted: Wanted
    differences: list[Difference] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    changing: set[str] = field(default_factory=set)
    undecided: set[tuple[FindingKind, str]] = field(default_factory=set)

    def take(self, service_id: str | None, kind: FindingKind, owner: Owner, parts: Iterable[Part]) -> None:
        rules = self.wanted.rules
        left = [one for one in parts if not (rules and is_left_out(rules, service_id, kind, one.field))]
        if left:
            self.differences.append(Difference(kind, service_id, *_texts(kind, left), owner))

    def judge(self, service_id: str, seen: Seen) -> None:
        for rule in RULES:
            parts = rule.found(seen)
            if parts is None:
                self.undecided.add((rule.kind, service_id))
            elif parts:
                self.take(service_id, rule.kind, seen.owner(rule.field, rule.owner), parts)


def compare(wanted: Wanted, observed: Observed, targets: Iterable[str] = ()) -> Compared:
    """The differences between what is wanted and what was observed.

    Args:
        observed: target -> service id -> observation, of every target that could be read and of no other.
        targets: all that the environment has.
    """
    course = _Course(wanted)
    for service_id, placed in wanted.services.items():
        if placed.target not in observed:
            course.unread.add(service_id)
            continue
        observation = observed[placed.target].get(service_id)
        if observation is None:
            course.take(service_id, FindingKind.MISSING_SERVICE, Owner.DEPLOYMENT, [_missing(placed)])
        elif (serving := observation.serving) is None:
            course.changing.add(service_id)
        else:
            policy = wanted.policies.get((service_id, placed.target))
            course.judge(service_id, Seen(placed, observation, serving, policy, wanted.redaction))
    _unexpected(course, observed)
    if wanted.look is not None:
        course.take(None, FindingKind.INFRASTRUCTURE_MISMATCH, Owner.UNKNOWN, _infrastructure(wanted.look))
    return Compared(
        course.differences,
        frozenset(course.unread),
        frozenset(course.unread | course.changing),
        frozenset(course.undecided),
        targets_read=all(target in observed for target in targets),
        infrastructure_read=wanted.look is not None,
    )


def strangers(services: Mapping[str, Placed], observed: Observed) -> set[str]:
    """Services that run where nobody wants them."""
    return {
        service_id
        for target, seen in observed.items()
        for service_id in seen
        if service_id not in services or services[service_id].target != target
    }


def _unexpected(course: _Course, observed: Observed) -> None:
    services = course.wanted.services
    for service_id in sorted(strangers(services, observed) - course.wanted.known):
        placed = services.get(service_id)
        found = [
            (target, one[service_id])
            for target, one in observed.items()
            if service_id in one and (placed is None or placed.target != target)
        ]
        serving = [(target, revision) for target, one in found if (revision := one.serving) is not None]
        if not serving:
            course.changing.add(service_id)
            continue
        told = [f"{version_of(revision.image) or revision.image} on {target}" for target, revision in serving]
        actual = cut(", ".join(told))
        parts = [Part("service", ABSENT, actual)]
        course.take(service_id, FindingKind.UNEXPECTED_SERVICE, Owner.UNKNOWN, parts)


def _missing(placed: Placed) -> Part:
    image = placed.workload.image
    return Part("service", version_of(image) or image, ABSENT)


def _infrastructure(look: InfrastructureLook) -> list[Part]:
    return [Part(one.resource, "as provisioned", one.told) for one in look.differences]


_NAMELESS = frozenset({"image", "replicas", "bounds", "measure", "service"})


def _texts(kind: FindingKind, parts: Sequence[Part]) -> tuple[str, str]:
    """One field as it is; of several, each by its name."""
    if len(parts) == 1 and parts[0].field in _NAMELESS and kind is not FindingKind.INFRASTRUCTURE_MISMATCH:
        return parts[0].desired, parts[0].actual
    more = f"; {len(parts) - NAMED} more" if len(parts) > NAMED else ""
    named = parts[:NAMED]
    desired = "; ".join(f"{cut(one.field)}: {one.desired}" for one in named)
    actual = "; ".join(f"{cut(one.field)}: {one.actual}" for one in named)
    return desired + more, actual + more
