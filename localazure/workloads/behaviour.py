"""How workloads behave when they are told to: rules that say which replicas are unhealthy, slow, or never ready.

A rule names none, some or all of image, serviceId and environmentId, and holds for every replica that has all it names,
those that run already included. The last matching rule holds, whole: rules are not merged. Rules are on disk before the
call that adds them returns, in the order in which they were added. A rule that cannot be understood is refused with
`ValueError` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localazure.shelf import Shelf
from localazure.workloads.images import pinned
from localazure.workloads.port import Revision

KIND = "workload.behaviour"
STATUSES = ("Healthy", "Degraded", "Unhealthy")

_TYPES: dict[str, tuple[type, ...]] = {
    "image": (str,),
    "serviceId": (str,),
    "environmentId": (str,),
    "status": (str,),
    "delayMs": (int, float),
    "startSeconds": (int, float),
    "neverReady": (bool,),
    "httpStatus": (int,),
    "redirectTo": (str,),
    "rawBody": (str,),
}


@dataclass(frozen=True)
class Behaviour:
    """What a replica does; the default is a healthy workload that is ready as soon as it listens."""

    status: str = "Healthy"
    delay: float = 0.0  # seconds before each answer
    start: float = 0.0  # seconds from the start of a replica until it is ready
    never_ready: bool = False
    http_status: int | None = None
    redirect_to: str | None = None
    raw_body: str | None = None


@dataclass(frozen=True)
class Rule:
    image: str | None
    service_id: str | None
    environment_id: str | None
    behaviour: Behaviour

    def matches(self, revision: Revision) -> bool:
        """An image matches by its reference as deployed, or by the tag whose digest was deployed."""
        named = self.image in (None, revision.image, revision.image.partition("@")[0])
        return (
            (named or (self.image is not None and pinned(self.image) == revision.image))
            and self.service_id in (None, revision.service_id)
            and self.environment_id in (None, revision.environment_id)
        )


def read_rule(document: Mapping[str, Any]) -> Rule:
    """The rule in a body of `POST /workloads/behaviour`. Raises `ValueError` that names the offending field."""
    given = {name: value for name, value in document.items() if value is not None}
    for name, value in given.items():
        if name not in _TYPES:
            raise ValueError(f"unknown field {name!r}")
        if not isinstance(value, _TYPES[name]) or (isinstance(value, bool) and bool not in _TYPES[name]):
            raise ValueError(f"{name} must be {' or '.join(kind.__name__ for kind in _TYPES[name])}")
    _check_values(given)
    behaviour = Behaviour(
        status=given.get("status", "Healthy"),
        delay=given.get("delayMs", 0) / 1000,
        start=float(given.get("startSeconds", 0)),
        never_ready=given.get("neverReady", False),
        http_status=given.get("httpStatus"),
        redirect_to=given.get("redirectTo"),
        raw_body=given.get("rawBody"),
    )
    return Rule(given.get("image"), given.get("serviceId"), given.get("environmentId"), behaviour)


def _check_values(given: Mapping[str, Any]) -> None:
    if given.get("status", "Healthy") not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}")
    if not 200 <= given.get("httpStatus", 200) <= 599:
        raise ValueError("httpStatus must be from 200 to 599")
    for name in ("delayMs", "startSeconds"):
        if not 0 <= given.get(name, 0) < float("inf"):
            raise ValueError(f"{name} must not be negative")
    if any(sign in given.get("redirectTo", "") for sign in "\r\n"):
        raise ValueError("redirectTo must be one line")


class Behaviours:
    """The rules in force, mirrored on the shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._rules: list[Rule] = []
        self._next = 0
        for key, document in shelf.all(KIND).items():
            self._rules.append(read_rule(document))
            self._next = int(key) + 1

    def add(self, document: Mapping[str, Any]) -> None:
        """Put one rule after all others. Raises `ValueError` for a rule that cannot be understood."""
        rule = read_rule(document)
        self._shelf.put(KIND, f"{self._next:08d}", document)
        self._next += 1
        self._rules.append(rule)

    def clear(self) -> None:
        """Forget every rule: all workloads are healthy again."""
        self._rules.clear()
        for key in self._shelf.all(KIND):
            self._shelf.delete(KIND, key)

    def of(self, revision: Revision) -> Behaviour:
        """What replicas of this revision do as of now."""
        for rule in reversed(self._rules):
            if rule.matches(revision):
                return rule.behaviour
        return _DEFAULT


_DEFAULT = Behaviour()
