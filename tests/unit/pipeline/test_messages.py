"""Sweep messages: a tick is worked on while it is of now, and never to catch up."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from blueprints import messages
from shared.events.work import Work, WorkKind
from shared.kernel.clock import now

PACE = SimpleNamespace(health_interval=2.0, drift_interval=300.0, upkeep_interval=30.0, scaling_interval=60.0)


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[tuple[WorkKind, int]]:
    """What was swept, in order."""
    done: list[tuple[WorkKind, int]] = []

    async def sweep(kind: WorkKind, shard: int, *_: Any) -> None:
        done.append((kind, shard))

    monkeypatch.setattr(messages, "_swept", sweep)
    return done


async def deliver(kind: WorkKind, tick: datetime) -> None:
    container = SimpleNamespace(settings=SimpleNamespace(pace=PACE))
    client: Any = None
    await messages.do(Work(kind=kind, shards=[0, 1], tick=tick), client, lambda: container)  # type: ignore[arg-type, return-value]


async def test_every_shard_of_a_tick_is_swept(swept: list[tuple[WorkKind, int]]) -> None:
    await deliver(WorkKind.HEALTH, now())
    assert swept == [(WorkKind.HEALTH, 0), (WorkKind.HEALTH, 1)]


async def test_a_tick_that_later_ones_overtook_is_dropped(swept: list[tuple[WorkKind, int]]) -> None:
    await deliver(WorkKind.HEALTH, now() - timedelta(seconds=12))
    await deliver(WorkKind.DRIFT, now() - timedelta(seconds=200))
    assert swept == [(WorkKind.DRIFT, 0), (WorkKind.DRIFT, 1)]


async def test_a_tick_that_meets_an_earlier_one_under_way_is_left_out(swept: list[tuple[WorkKind, int]]) -> None:
    with messages.ticks.turn(WorkKind.HEALTH, 0):
        await deliver(WorkKind.HEALTH, now())
    assert swept == [(WorkKind.HEALTH, 1)]
