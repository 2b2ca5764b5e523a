"""What a tenant may ask for, and that it is its own."""

from __future__ import annotations

import pytest

from shared.access.limits import BURST, MOST, Limits
from shared.kernel.errors import TooManyRequests


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def spend(limits: Limits, tenant_id: str, most: int = 1000) -> int:
    """How many requests get through before one is refused."""
    for count in range(most):
        try:
            limits.take(tenant_id)
        except TooManyRequests:
            return count
    return most


def test_a_burst_goes_through_and_then_the_rate_holds() -> None:
    limits = Limits(10.0, time := Time())
    assert spend(limits, "a") == 10 * BURST
    time.now += 1.0
    assert spend(limits, "a") == 10


def test_who_is_refused_is_told_when_to_come_again_and_it_holds() -> None:
    limits = Limits(2.0, time := Time())
    spend(limits, "a")
    with pytest.raises(TooManyRequests) as refused:
        limits.take("a")
    assert refused.value.retry_after == pytest.approx(0.5)
    time.now += refused.value.retry_after
    limits.take("a")


def test_one_tenant_uses_up_nothing_of_anothers() -> None:
    limits = Limits(1.0, Time())
    spend(limits, "a")
    assert spend(limits, "b") == BURST


def test_without_a_rate_there_is_no_limit() -> None:
    assert spend(Limits(clock=Time()), "a") == 1000


def test_what_is_remembered_is_bounded() -> None:
    limits = Limits(1.0, Time())
    for number in range(MOST + 10):
        limits.take(f"tenant-{number}")
    assert len(limits._buckets) == MOST
