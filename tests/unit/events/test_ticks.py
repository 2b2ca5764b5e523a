from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.events.ticks import Ticks
from shared.events.work import WorkKind


class Time:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("interval", "late", "overtaken"), [(2, 8, False), (2, 12, True), (300, 200, False), (300, 400, True)]
)
def test_a_tick_is_overtaken_when_later_ones_have_come(interval: float, late: float, overtaken: bool) -> None:
    time = Time()
    assert Ticks(time).overtaken(time.now - timedelta(seconds=late), interval) is overtaken


def test_one_sweep_of_a_kind_and_shard_is_under_way_at_a_time() -> None:
    ticks = Ticks(Time())
    with ticks.turn(WorkKind.HEALTH, 0) as first:
        with (
            ticks.turn(WorkKind.HEALTH, 0) as same,
            ticks.turn(WorkKind.HEALTH, 1) as shard,
            ticks.turn(WorkKind.DRIFT, 0) as kind,
        ):
            assert (first, same, shard, kind) == (True, False, True, True)
        with ticks.turn(WorkKind.HEALTH, 0) as still:
            assert not still, "one that was left out ends nobody's turn"
    with ticks.turn(WorkKind.HEALTH, 0) as after:
        assert after


def test_a_sweep_that_fails_ends_its_turn() -> None:
    ticks = Ticks(Time())
    with pytest.raises(RuntimeError), ticks.turn(WorkKind.UPKEEP, 0):
        raise RuntimeError
    with ticks.turn(WorkKind.UPKEEP, 0) as after:
        assert after


def test_a_sweep_that_hangs_does_not_keep_others_from_their_turn_for_good() -> None:
    ticks = Ticks(time := Time())
    with ticks.turn(WorkKind.HEALTH, 0):
        time.passes(300)
        with ticks.turn(WorkKind.HEALTH, 0) as later:
            assert later
