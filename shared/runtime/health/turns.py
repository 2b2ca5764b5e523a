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

    Belongs to one event loop. All turns are slow after the same time, so the oldest is the next: one timer does for all.
    """

    def __init__(self, at_once: int, aside: int, prompt: float = PROMPT) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._aside = aside
        self._prompt = prompt
        self._inside: dict[Turn, float] = {}  # when each of those with a place is slow, the next one first
        self._watched = False

    async def turn(self) -> Turn:
        """Begin a turn, once there is a place. Whoever gets it ends it."""
        await self._places.acquire()
        turn = Turn(self)
        self._enter(turn)
        return turn

    def leave(self, turn: Turn) -> None:
        if self._inside.pop(turn, None) is None:
            self._aside += 1
        else:
            self._places.release()

    def _enter(self, turn: Turn) -> None:
        self._inside[turn] = asyncio.get_running_loop().time() + self._prompt
        if not self._watched:
            self._watch()

    def _watch(self) -> None:
        due = next(iter(self._inside.values()), None)
        self._watched = due is not None
        if due is not None:
            asyncio.get_running_loop().call_at(due, self._look)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for turn in [turn for turn, due in self._inside.items() if due <= now]:
            del self._inside[turn]
            if self._aside > 0:
                self._aside -= 1
                self._places.release()
            else:
                self._inside[turn] = now + self._prompt
        self._watch()


class Turn:
    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def end(self) -> None:
        self._turns.leave(self)
