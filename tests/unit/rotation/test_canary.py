"""A secret's value is nowhere: not in a row, an event, a log line, an answer, an input of the hub or what it recorded.

The value is planted where the platform could pick it up by mistake: the vault's double has it on every version.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest

from shared.kernel.errors import Refused
from tests.unit.doubles.engine import Engine, History
from tests.unit.doubles.vault import FakeVersion
from tests.unit.rotation.ground import ROTATION, SECRET, V1, V2, Ground, settled_ground

CANARY = "canary-3b1f77e0-never-to-be-seen"


@dataclass(frozen=True)
class Telling(FakeVersion):
    """A version as a client could give it that asked for more than properties."""

    value: str = CANARY


async def _plant(ground: Ground) -> None:
    ground.world.vault.listed[SECRET] = [Telling(V2), Telling(V1)]


async def everything(ground: Ground, history: History) -> str:
    store = ground.world.store
    rows = [row.document for partition in store._partitions for row in await store.list(partition, "", limit=10_000)]
    events = [event.document() for event in await ground.world.events()]
    answers = [await ground.shown(), *[(await ground.world.operation(key)).shown() for key in await _operations(ground)]]
    return str([rows, events, answers, history])


async def _operations(ground: Ground) -> list[str]:
    return [row.key for row in await ground.world.store.list(ground.world.partition, "op-", limit=100)]


async def test_nothing_that_is_written_or_said_holds_a_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ground, history = await settled_ground(rotation=ROTATION), History()

    async def renewed() -> None:
        await _plant(ground)

    operation = await ground.rotate()
    assert await Engine(ground.world, history, meanwhile=[renewed]).run(operation) == "completed"
    ground.world.vault.errors = [Refused("keyVault", "Forbidden", "not today")]
    await ground.tick(later=7200)
    await ground.tick(later=120)
    assert ground.world.vault.disabled == [(SECRET, V1)]
    told = await everything(ground, history)
    assert V2 in told, "what is looked through is what was written"
    assert CANARY not in told
    assert CANARY not in caplog.text


async def test_a_canary_that_was_written_would_be_found(ground: Ground) -> None:
    await _plant(ground)
    row = (await ground.binding()).model_copy(update={"bound_by": CANARY})
    await ground.world.put(ground.db, row)
    assert CANARY in await everything(ground, History())
