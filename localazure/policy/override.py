"""A decision put in the place of the rules for a while, so that a denial or an obligation can be had at will."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from localazure.policy.engine import Decision


@dataclass(frozen=True)
class Override:
    decision: Decision
    seconds: float


class Overrides:
    """At most one holds: the last one set, until its time is over (monotonic clock, seconds) or it is lifted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: tuple[Decision, float] | None = None

    def hold(self, override: Override) -> None:
        self._held = override.decision, self._clock() + override.seconds

    def lift(self) -> None:
        self._held = None

    def current(self) -> Decision | None:
        if self._held is not None and self._clock() >= self._held[1]:
            self._held = None
        return None if self._held is None else self._held[0]
