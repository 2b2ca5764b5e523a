"""A lock on a stack's state that a lost attempt left behind: recognised as ours, and only then taken away.

Backends that are buckets lock by a file that names host, process and time. Each attempt announces itself in the stack's
tags before it works. A lock is ours when it was taken on the host of such an announcement and after it; every other lock is
somebody's who works on the stack by hand, and is left alone.

Cancelling only removes the file, so nothing may still write behind it: an engine that lives on this host is interrupted and
waited for; one on another host belongs to an attempt whose job the orchestration has seen end, and gets the time in which
it would find out by itself. `progress` is asked first: an attempt that was itself replaced cancels nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from pulumi.automation import Stack
from pulumi.automation.errors import ConcurrentUpdateError

from infra.provisioner.engine import EnvironmentRecord, Progress
from infra.provisioner.pulumi_engine.events import HEARTBEAT, RUNNING, SUCCEEDED
from shared.kernel.errors import Transient

T = TypeVar("T")
STEP: Final = "StateLock"
_HELD: Final = re.compile(r"created by (?P<user>.*?)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<at>\S+)")
_PLACES: Final = tuple(f"cs-claim-{number}" for number in range(8))  # how many of the last starts are remembered
_SKEW: Final = timedelta(seconds=5)  # a lock's time is in whole seconds, and clocks differ
_POLL: Final = 1.0


@dataclass(frozen=True)
class Holder:
    host: str
    pid: int
    at: datetime


@dataclass(frozen=True)
class Claim:
    """An attempt that announced itself."""

    operation_id: str
    attempt: int
    host: str
    at: datetime

    @property
    def text(self) -> str:
        return f"{self.operation_id}|{self.attempt}|{self.host}|{self.at.isoformat(timespec='seconds')}"

    @classmethod
    def read(cls, text: str) -> Claim | None:
        """None for what is none of ours."""
        with contextlib.suppress(ValueError):
            operation_id, attempt, host, at = text.split("|")
            return cls(operation_id, int(attempt), host, datetime.fromisoformat(at))
        return None

    def took(self, holder: Holder) -> bool:
        return self.host == holder.host and holder.at >= self.at - _SKEW


def holders(message: str) -> list[Holder]:
    """Who holds the stack, as the command line says it. Empty where the backend does not tell."""
    return [
        Holder(found["host"], int(found["pid"]), datetime.fromisoformat(found["at"])) for found in _HELD.finditer(message)
    ]


def claim_of(record: EnvironmentRecord, now: datetime | None = None) -> Claim:
    return Claim(record.operation_id, record.attempt, socket.gethostname(), now or datetime.now(UTC))


def announce(stack: Stack, claim: Claim) -> None:
    """In the place of the oldest: a job that is started again runs the same attempt, and whom it follows must not be
    forgotten. Blocks."""
    tags = stack.list_tags()
    standing = {place: Claim.read(tags.get(place, "")) for place in _PLACES}
    free = [place for place, known in standing.items() if known is None]
    oldest = sorted((known.at, place) for place, known in standing.items() if known is not None)
    stack.set_tag(free[0] if free else oldest[0][1], claim.text)


def announced(tags: Mapping[str, str]) -> list[Claim]:
    claims = (Claim.read(text) for name, text in tags.items() if name in _PLACES)
    return [claim for claim in claims if claim is not None]


@dataclass(frozen=True)
class Locks:
    """`grace`: seconds that the holder on another host gets to let go by itself."""

    stack: Stack
    own: Claim
    grace: float = 2 * HEARTBEAT

    async def past(self, work: Callable[[], Awaitable[T]], progress: Progress) -> T:
        """Do `work`; where a lock of a lost attempt of ours is in the way, wait for it or take it away and do it then.

        Raises `Transient("pulumi")` for a lock that is somebody else's or does not go.
        """
        deadline = time.monotonic() + self.grace
        reported = False
        while True:
            try:
                result = await work()
            except ConcurrentUpdateError as locked:
                await self._lost(str(locked))
                await progress(STEP, RUNNING, "a lost attempt holds the state; it is waited for")
                reported = True
                await self._ended(holders(str(locked)), deadline)
                continue
            if reported:
                await progress(STEP, SUCCEEDED, "the state is free")
            return result

    async def _lost(self, message: str) -> None:
        """Raises `Transient` unless every lock is an earlier attempt's of this platform."""
        found = holders(message)
        claims = announced(await asyncio.to_thread(self.stack.list_tags))
        if not found or not all(any(claim.took(holder) for claim in claims) for holder in found):
            raise Transient("pulumi", retry_after=30.0)

    async def _ended(self, found: list[Holder], deadline: float) -> None:
        """Waits a moment; at the deadline takes away what is left. Raises `Transient` while a process lives on."""
        here = [holder for holder in found if holder.host == self.own.host and engine_lives(holder.pid)]
        for holder in here:
            with contextlib.suppress(ProcessLookupError):
                os.kill(holder.pid, signal.SIGINT)
        if time.monotonic() < deadline and (here or any(holder.host != self.own.host for holder in found)):
            await asyncio.sleep(_POLL)
            return
        if here:
            raise Transient("pulumi", retry_after=30.0)
        await asyncio.to_thread(self.stack.cancel)


def engine_lives(pid: int) -> bool:
    """Whether a process of that number is an engine: numbers are used again."""
    told = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return "pulumi" in told.stdout
