from __future__ import annotations

import pytest

from shared.azure.pace import Pace, in_the_background
from shared.kernel.buckets import Limit
from shared.kernel.errors import Transient


class Time:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


def paced(time: Time, **limits: Limit) -> Pace:
    given = {"reads": Limit(25, 5), "writes": Limit(10, 2)} | limits
    return Pace(**given, patience=5.0, clock=time, sleep=time.sleep)


async def test_a_burst_goes_out_at_once_and_the_rest_at_the_rate() -> None:
    pace, time = paced(time := Time()), time
    for _ in range(4):
        await pace.turn("s", "PUT")
    assert time.slept == [0.1, 0.1]


async def test_reads_writes_and_subscriptions_have_buckets_of_their_own() -> None:
    pace, time = paced(time := Time()), time
    for subscription, method in [("s", "PUT"), ("s", "DELETE"), ("s", "GET"), ("other", "PATCH"), ("OTHER", "POST")]:
        await pace.turn(subscription, method)
    assert time.slept == []
    await pace.turn("other", "PUT")
    assert time.slept == [0.1]


async def test_a_wait_beyond_patience_is_told_and_costs_nothing() -> None:
    pace, time = paced(time := Time(), writes=Limit(1, 1)), time
    for _ in range(3):
        await pace.turn("s", "PUT")
    pace.throttled("s", "PUT", 60)
    with pytest.raises(Transient) as told:
        await pace.turn("s", "PUT")
    assert told.value.retry_after == pytest.approx(60)
    time.now += 60
    await pace.turn("s", "PUT")
    assert time.slept == [1.0, 1.0]


async def test_a_throttled_subscription_waits_as_long_as_it_was_told() -> None:
    pace, time = paced(time := Time()), time
    pace.throttled("s", "GET", 2.5)
    await pace.turn("s", "GET")
    await pace.turn("s", "PUT")
    assert time.slept == [2.5]


async def test_a_bucket_fills_up_to_its_burst_and_no_further() -> None:
    pace, time = paced(time := Time()), time
    time.now += 3600
    for _ in range(3):
        await pace.turn("s", "PUT")
    assert time.slept == [0.1]


async def test_a_flood_in_the_background_leaves_the_rest_at_once() -> None:
    pace, time = paced(time := Time(), reads=Limit(25, 250)), time
    refused = 0
    with in_the_background():
        for _ in range(400):
            try:
                await pace.turn("s", "GET")
            except Transient:
                refused += 1
    waited = len(time.slept)
    assert waited > 0, "the background slows itself down"
    for _ in range(50):
        await pace.turn("s", "GET")
    assert len(time.slept) == waited, "somebody who waits does not queue behind it"
