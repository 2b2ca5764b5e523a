"""One child process: started, watched, started again, ended.

Invariants: a child is the leader of a session of its own, so Ctrl-C reaches the supervisor only and the whole group can
be killed; its standard input is a pipe that nobody writes to and whose end tells it that the supervisor is gone; it is
started again at once with the same command and ports, later only when it died within `EARLY_SECONDS` of its start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localazure.supervisor.logs import ChildLog, Echo
from localazure.supervisor.readiness import Probe
from localazure.supervisor.trouble import Trouble

EARLY_SECONDS = 2.0
_BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 4.0)
_PROBE_SECONDS = 0.05
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class ChildSpec:
    """What to run and how to see that it serves. `stop_signal` asks it to end, within `patience` seconds."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready: Probe
    after: tuple[str, ...] = ()  # names of the children that must serve before this one starts
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 3.0


class Child:
    """`inherited` are descriptors the child keeps open (the folder's lock); `cwd` is the project's root."""

    def __init__(self, spec: ChildSpec, logs: Path, cwd: Path, echo: Echo, inherited: Sequence[int] = ()) -> None:
        self.spec = spec
        self._cwd = cwd
        self._echo = echo
        self._inherited = tuple(inherited)
        self._log = ChildLog(spec.name, logs / f"{spec.name}.log", echo)
        self._process: asyncio.subprocess.Process | None = None
        self._minding: asyncio.Task[None] | None = None
        self._ending = False
        self.served = False
        self.pid = 0

    async def start(self) -> None:
        """Start the process and keep it running until `stop`."""
        await self._spawn()
        self._minding = asyncio.create_task(self._mind())

    async def until_ready(self, seconds: float) -> None:
        """Wait until the child serves. Raises `Trouble` when it ends by itself before, or does not in time."""
        deadline = time.monotonic() + seconds
        while not await self.spec.ready():
            if self._minding is not None and self._minding.done():
                self._minding.result()
            if time.monotonic() > deadline:
                raise Trouble(f"{self.spec.name} does not serve after {seconds:.0f} s: see {self._log.path}")
            await asyncio.sleep(_PROBE_SECONDS)
        self.served = True

    async def stop(self) -> None:
        """Ask, then kill; its whole group is gone when this returns. Idempotent."""
        self._ending = True
        if self._process is not None and self._process.returncode is not None:
            await self._stop_minding()  # it may be about to start the child again
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.spec.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self.spec.patience)
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        await self._stop_minding()
        self._log.close()

    async def _stop_minding(self) -> None:
        if self._minding is not None:
            self._minding.cancel()
            with contextlib.suppress(asyncio.CancelledError, Trouble):
                await self._minding

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self.spec.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self.spec.environment),
            cwd=self._cwd,
            start_new_session=True,
            pass_fds=self._inherited,
        )
        self.pid = self._process.pid

    async def _mind(self) -> None:
        """Raises `Trouble` when the child ends by itself before it ever served: starting it again would not help."""
        early = 0
        while True:
            started = time.monotonic()
            code = await self._output_and_end()
            if self._ending:
                return
            if not self.served and code >= 0:
                raise Trouble(f"{self.spec.name} ended with {code} before it served: {self._log.last_line}")
            early = early + 1 if time.monotonic() - started < EARLY_SECONDS else 0
            pause = _BACK_OFF_SECONDS[min(early, len(_BACK_OFF_SECONDS)) - 1] if early else 0.0
            self._echo.say(f"localazure | {self.spec.name} (process {self.pid}) {_end(code)}, {_again(pause)}")
            await asyncio.sleep(pause)
            await self._spawn_somehow()

    async def _spawn_somehow(self) -> None:
        """A machine out of processes or memory for a moment must not cost the platform a child for good."""
        while True:
            try:
                return await self._spawn()
            except OSError as failure:
                self._echo.say(f"localazure | {self.spec.name} cannot be started: {failure}")
                await asyncio.sleep(_BACK_OFF_SECONDS[-1])

    async def _output_and_end(self) -> int:
        process = self._process
        if process is None or process.stdout is None:
            raise RuntimeError("a child is minded after it was spawned with pipes")
        reading = asyncio.create_task(self._read(process.stdout))
        code = await process.wait()
        # What it started may hold its output open: read what is there, do not wait for the end.
        await asyncio.wait([reading], timeout=0.2)
        reading.cancel()
        self._log.finish()
        return code

    async def _read(self, output: asyncio.StreamReader) -> None:
        while content := await output.read(_CHUNK):
            self._log.feed(content)


def _end(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def _again(pause: float) -> str:
    return f"starting again in {pause:g} s" if pause else "starting again"
