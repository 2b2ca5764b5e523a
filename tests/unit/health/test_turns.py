"""Turns: so many at once, and those that take long beside the others."""

from __future__ import annotations

import asyncio

import pytest

from shared.runtime.health.turns import Turns


class Crowd:
    """Visitors that stay until they are sent away; counts those inside."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.inside = self.most = 0
        self.leave = asyncio.Event()
        self.visits: list[asyncio.Task[None]] = []

    async def _visit(self, *, stays: bool) -> None:
        turn = await self.turns.turn()
        try:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if stays:
                await self.leave.wait()
        finally:
            self.inside -= 1
            turn.end()

    def come(self, count: int, *, stays: bool) -> None:
        self.visits += [asyncio.create_task(self._visit(stays=stays)) for _ in range(count)]

    async def end(self) -> None:
        self.leave.set()
        await asyncio.gather(*self.visits)


async def until(crowd: Crowd, inside: int) -> None:
    for _ in range(1000):
        if crowd.inside == inside:
            return
        await asyncio.sleep(0.005)
    pytest.fail(f"{crowd.inside} are inside, not {inside}")


async def test_the_prompt_ones_are_no_more_than_allowed() -> None:
    crowd = Crowd(Turns(3, 0, prompt=0.01))
    crowd.come(20, stays=False)
    await crowd.end()
    assert crowd.most <= 3


async def test_slow_ones_make_room_for_the_next() -> None:
    crowd = Crowd(Turns(3, 100, prompt=0.01))
    crowd.come(20, stays=True)
    await until(crowd, 20)
    crowd.come(5, stays=False)
    async with asyncio.timeout(5):
        await asyncio.gather(*crowd.visits[20:])
    await crowd.end()


async def test_when_too_many_are_slow_they_keep_their_places() -> None:
    crowd = Crowd(Turns(3, 4, prompt=0.01))
    crowd.come(20, stays=True)
    await until(crowd, 7)
    await asyncio.sleep(0.05)
    assert crowd.inside == 7
    await crowd.end()
    assert crowd.most == 7


@pytest.mark.parametrize("prompt", [0.0, 0.01, 10.0])
async def test_every_place_is_given_back_once(prompt: float) -> None:
    turns = Turns(2, 1, prompt=prompt)
    for _ in range(3):
        crowd = Crowd(turns)
        crowd.come(6, stays=True)
        await asyncio.sleep(0.03)
        await crowd.end()
    cancelled = Crowd(turns)
    cancelled.come(6, stays=True)
    await asyncio.sleep(0.03)
    for visit in cancelled.visits:
        visit.cancel()
    await asyncio.gather(*cancelled.visits, return_exceptions=True)
    after = Crowd(turns)
    after.come(3, stays=True)
    await until(after, 3 if prompt < 10 else 2)
    await after.end()
