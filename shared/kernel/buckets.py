"""Token buckets: a rate that holds over time, and a burst that may be spent at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    rate: float  # tokens a second
    burst: float


class Bucket:
    """Tokens may be drawn ahead of time; `draw` tells how long until the drawn one is due. `clock` counts seconds and never
    goes back."""

    def __init__(self, limit: Limit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._tokens = limit.burst
        self._at = clock()
        self._closed_until = self._at

    def draw(self, reserved: float = 0.0) -> float:
        """Seconds to wait before the request may go out; `reserved` is the part of the burst that is not for it."""
        now = self._clock()
        self._tokens = min(self._limit.burst, self._tokens + (now - self._at) * self._limit.rate) - 1
        self._at = now
        kept = reserved * self._limit.burst
        return max(0.0, (kept - self._tokens) / self._limit.rate, self._closed_until - now)

    def give_back(self) -> None:
        self._tokens += 1

    def close_for(self, seconds: float) -> None:
        self._closed_until = max(self._closed_until, self._clock() + seconds)
