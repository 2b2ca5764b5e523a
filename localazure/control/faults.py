"""Faults of dependencies: refused connections; slow, failed, throttled, lost answers. For a while, for a share of requests.

Invariants: one fault per dependency, the last one holds; a fault ends by itself after its time or when it is lifted,
and whoever waits because of it goes on at that moment. `down` is a state of the listener, so it has no share.
A new mode is a word here and, where it shows in answers, one more branch in the stand-in's middleware.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

SLOW_SECONDS = 5.0


class Mode(StrEnum):
    DOWN = "down"  # connection refused, open connections cut
    SLOW = "slow"  # `SLOW_SECONDS` before each answer
    ERROR = "error"  # 500 in the service's own error shape
    THROTTLE = "throttle"  # 429, or 503 where the service says it so, with Retry-After
    ACK_LOST = "ackLost"  # done, and then the connection ends without an answer


HTTP_MODES = frozenset(Mode)


class Listener(Protocol):
    """What `down` switches off and on again; both are idempotent."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@dataclass
class Fault:
    mode: Mode
    rate: float
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.Task[None] | None = None


@dataclass
class _Dependency:
    listener: Listener
    modes: Collection[Mode]
    fault: Fault | None = None
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Faults:
    """`chance` draws from [0, 1)."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._dependencies: dict[str, _Dependency] = {}

    def register(self, name: str, listener: Listener, modes: Collection[Mode] = HTTP_MODES) -> None:
        self._dependencies[name] = _Dependency(listener, modes)

    @property
    def dependencies(self) -> dict[str, Collection[Mode]]:
        """What can be made to fail, and how."""
        return {name: dependency.modes for name, dependency in self._dependencies.items()}

    async def impose(self, name: str, mode: Mode, rate: float, seconds: float) -> None:
        """Replace the dependency's fault. When this returns, the fault is in force. Raises `ValueError`."""
        dependency = self._dependencies.get(name)
        if dependency is None:
            raise ValueError(f"dependency must be one of {', '.join(self._dependencies)}")
        if mode not in dependency.modes:
            raise ValueError(f"mode of {name} must be one of {', '.join(sorted(dependency.modes))}")
        if mode is Mode.DOWN and rate != 1:
            raise ValueError("rate must be 1 with mode down: a listener is open or it is not")
        async with dependency.changing:
            await self._end(dependency)
            fault = dependency.fault = Fault(mode, rate)
            if mode is Mode.DOWN:
                await dependency.listener.stop()
            fault.timer = asyncio.create_task(self._expire(dependency, fault, seconds))

    async def lift(self) -> None:
        """End every fault. When this returns, all dependencies answer again."""
        for dependency in self._dependencies.values():
            async with dependency.changing:
                await self._end(dependency)

    def current(self, name: str) -> Fault | None:
        """The fault in force, for a stand-in that draws the share itself."""
        dependency = self._dependencies.get(name)
        return None if dependency is None else dependency.fault

    def strike(self, name: str) -> Fault | None:
        """The fault that hits the request at hand, by its share of all requests."""
        fault = self.current(name)
        return None if fault is None or self._chance() >= fault.rate else fault

    async def _expire(self, dependency: _Dependency, fault: Fault, seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with dependency.changing:
            if dependency.fault is fault:
                fault.timer = None
                await self._end(dependency)

    async def _end(self, dependency: _Dependency) -> None:
        fault, dependency.fault = dependency.fault, None
        if fault is None:
            return
        if fault.timer is not None:
            fault.timer.cancel()
        fault.ended.set()
        if fault.mode is Mode.DOWN:
            await dependency.listener.start()


async def stall(fault: Fault) -> None:
    """Wait as a slow service makes wait, but not longer than the fault lasts."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(fault.ended.wait(), SLOW_SECONDS)
