"""Timer triggers: in process with a function that records, and in the host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from azure.functions.meta import Datum

from localazure.host.configuration import BadSetting
from localazure.host.indexing import Function
from localazure.host.timers import Timer
from localazure.shelf import Shelf
from tests.localazure.host.conftest import LocalHost, until


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    kept = Shelf(tmp_path / "timers.sqlite")
    yield kept
    kept.close()


class Recorder:
    """An invoker that keeps what timers are told, and fails when asked to."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.fails = False

    async def __call__(self, function: Function, data: Datum) -> None:
        self.requests.append(json.loads(data.value))
        if self.fails:
            raise RuntimeError("refused")


def timer(shelf: Shelf, invoke: Recorder, schedule: str, **binding: Any) -> Timer:
    trigger = {"type": "timerTrigger", "name": "timer", "schedule": schedule, **binding}
    function = Function("sweep", lambda timer: None, True, trigger, (), None, False, "")
    return Timer(function, invoke, shelf)  # type: ignore[arg-type]


async def run_for(timer: Timer, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(timer.run(), seconds)


async def test_a_tick_missed_while_the_host_was_down_is_made_up_for_as_past_due(shelf: Shelf) -> None:
    earlier = datetime.now(UTC) - timedelta(hours=2)
    shelf.put("host.timer", "sweep", {"last": earlier.isoformat()})
    invoke = Recorder()
    await run_for(timer(shelf, invoke, "0 0 * * * *"), 0.05)
    assert [one["IsPastDue"] for one in invoke.requests] == [True]
    assert invoke.requests[0]["ScheduleStatus"]["Last"] == earlier.isoformat()
    again = Recorder()
    await run_for(timer(shelf, again, "0 0 * * * *"), 0.05)
    assert again.requests == [], "the run was kept"


@pytest.mark.parametrize(("schedule", "binding"), [("*/30 * * * * *", {}), ("0 0 * * * *", {"useMonitor": False})])
async def test_short_and_unmonitored_schedules_are_never_past_due(
    shelf: Shelf, schedule: str, binding: dict[str, Any]
) -> None:
    shelf.put("host.timer", "sweep", {"last": (datetime.now(UTC) - timedelta(hours=2)).isoformat()})
    invoke = Recorder()
    await run_for(timer(shelf, invoke, schedule, **binding), 0.05)
    assert invoke.requests == []


async def test_run_on_startup_runs_at_once(shelf: Shelf) -> None:
    invoke = Recorder()
    await run_for(timer(shelf, invoke, "0 0 0 1 1 *", runOnStartup=True), 0.05)
    assert [one["IsPastDue"] for one in invoke.requests] == [False]


async def test_a_failing_timer_ticks_on(shelf: Shelf) -> None:
    invoke = Recorder()
    invoke.fails = True
    running = asyncio.create_task(timer(shelf, invoke, "* * * * * *").run())
    async with asyncio.timeout(10):
        while len(invoke.requests) < 2:  # noqa: ASYNC110  (it waits for the clock)
            await asyncio.sleep(0.02)
    running.cancel()


def test_a_schedule_that_is_none_is_refused_with_the_functions_name(shelf: Shelf) -> None:
    with pytest.raises(BadSetting, match="sweep"):
        timer(shelf, Recorder(), "every day")


def test_an_overrunning_tick_is_skipped_and_never_overlaps(make_host: Callable[..., LocalHost]) -> None:
    host = make_host(TICK="* * * * * *").start()
    ticks = until(lambda: host.notes("tick")[2:] and host.notes("tick"))
    starts = [start for start, _ in ticks]
    assert all(start % 1 < 0.5 for start in starts), "on the second"
    assert all(later - earlier > 1.4 for earlier, later in pairwise(starts)), "a run takes 1.2 s: every other second"
    assert not any(past_due for _, past_due in ticks)
