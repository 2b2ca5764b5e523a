"""Whose turn it is: so many at once, and the slow ones in nobody's way.

A target that does not answer costs no work, only a place for as long as it is waited for. With a plain limit a few hundred
of them hold every place and all others wait behind them. Here a turn that lasts longer than `prompt` goes on beside the
others, and its place is taken by the next.
"""

from __future__ import annotations

import asyncio

PROMPT = 0.25  # seconds


class Turns:
    """Args:
        at_once: turns that are prompt, or not yet slow.
        aside: slow turns beside them; when so many are under way, a slow one keeps its place.
        prompt: seconds after which a turn is slow.

    Belongs to one event loop.
    """

    def __init__(self, at_once: int, aside: int, prompt: float = PROMPT) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._aside = aside
        self._prompt = prompt

    async def turn(self) -> Turn:
        """Begin a turn, once there is a place. Whoever gets it ends it."""
        await self._places.acquire()
        return Turn(self)

    def step_aside(self) -> bool:
        """Whether there is room for one more slow turn, which is then taken."""
        if self._aside <= 0:
            return False
        self._aside -= 1
        self._places.release()
        return True

    def leave(self, *, aside: bool) -> None:
        if aside:
            self._aside += 1
        else:
            self._places.release()

    def watch(self, turn: Turn) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._prompt, turn.is_slow)


class Turn:
    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._aside = False
        self._timer = turns.watch(self)

    def is_slow(self) -> None:
        self._aside = self._turns.step_aside()
        if not self._aside:
            self._timer = self._turns.watch(self)

    def end(self) -> None:
        self._timer.cancel()
        self._turns.leave(aside=self._aside)
