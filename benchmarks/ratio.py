"""What a benchmark says: one thing, what it is measured against, and how many times one is the other."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """`measured` and `against` in the same `unit`; `reads` says what 1.0 and more would mean."""

    subject: str
    measured: float
    baseline: str
    against: float
    unit: str
    reads: str

    @property
    def times(self) -> float:
        return self.measured / self.against


def median(values: Sequence[float]) -> float:
    """The middle one: a hiccup of the machine moves it little. Raises `statistics.StatisticsError` without values."""
    return statistics.median(values)
