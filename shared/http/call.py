"""What a handler is given and what it gives back; `pipeline` turns both from and to HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.access.caller import Caller
from shared.operations.intent import Intent
from shared.runtime.environments.isolation import Admitted


@dataclass(frozen=True)
class Reading:
    """A GET: who asks, for what."""

    caller: Caller
    params: Mapping[str, str]
    query: Mapping[str, Any]
    after: str = ""  # row key to go on after, from the cursor


@dataclass(frozen=True)
class Mutation:
    """Anything else: the environment is admitted, the intent made; None only where a route makes the environment."""

    caller: Caller
    params: Mapping[str, str]
    intent: Intent
    admitted: Admitted | None

    @property
    def environment(self) -> Admitted:
        if self.admitted is None:
            raise LookupError("the route makes its environment")
        return self.admitted


@dataclass(frozen=True)
class Found:
    """200 with a resource and its ETag."""

    document: Mapping[str, Any]
    retry_after: float | None = None  # seconds, while it is still changing


@dataclass(frozen=True)
class Listing:
    """200 with a page of a list. `after`: the row key the next page begins after, None on the last."""

    items: Sequence[Mapping[str, Any]]
    after: str | None = None
    members: Mapping[str, Any] | None = None  # beside the list


@dataclass(frozen=True)
class Kept:
    """200 with bytes that do not change while the process lives, and their ETag."""

    body: bytes
    etag: str


@dataclass(frozen=True)
class Plain:
    """A document outside the contract's resources: liveness, readiness."""

    status: int
    document: Mapping[str, Any]
