"""Job executions as real child processes: no shell, one log file each, ended with the process that started them.

Each command runs under `guard`, which ends it when our end of its standard input is closed: by `stop`, by `close`, or by
the kernel when we are SIGKILLed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from localazure.arm import guard

SUCCEEDED, FAILED, STOPPED, RUNNING = "Succeeded", "Failed", "Stopped", "Running"
_PYTHON = {"python", "python3"}
log = logging.getLogger(__name__)

Ended = Callable[[str], None]


@dataclass(frozen=True)
class Command:
    """What one execution runs."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 1800.0  # of one try
    retries: int = 0


class JobRunner:
    """Starts executions by name. `environment` (the app's settings) is laid over our own, the container's env over both.

    `logs` gets one file per execution; `project` is the working directory: the root of the code that the image would hold.
    """

    def __init__(self, *, logs: Path, project: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._project = project
        self._environment = environment
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._stopping: set[str] = set()
        self._closed = False

    def start(self, name: str, command: Command, ended: Ended) -> None:
        """Run `command`; `ended` is called once, with SUCCEEDED, FAILED or STOPPED."""
        self._tasks[name] = asyncio.get_running_loop().create_task(self._run(name, command, ended))

    async def stop(self, name: str) -> None:
        """End an execution (SIGTERM, SIGKILL after 5 s) and wait for its end; unknown or ended is fine."""
        self._stopping.add(name)
        if task := self._tasks.get(name):
            self._hang_up(name)
            await asyncio.wait([task])
        self._stopping.discard(name)

    async def close(self) -> None:
        """End all executions; they count as FAILED: nobody asked for their stop."""
        self._closed = True
        for name in list(self._tasks):
            self._hang_up(name)
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _hang_up(self, name: str) -> None:
        if (process := self._processes.get(name)) and process.stdin:
            process.stdin.close()

    async def _run(self, name: str, command: Command, ended: Ended) -> None:
        outcome = FAILED
        try:
            for _ in range(1 + command.retries):
                outcome = await self._try(name, command)
                if outcome != FAILED or self._closed:
                    break
        except (OSError, ValueError):  # no such program; a NUL in an argument
            log.exception("the execution %s could not be started", name)
        finally:
            self._tasks.pop(name, None)
            ended(outcome)

    async def _try(self, name: str, command: Command) -> str:
        if name in self._stopping:
            return STOPPED
        process = await self._spawn(name, command)
        self._processes[name] = process
        if self._closed or name in self._stopping:
            self._hang_up(name)
        try:
            code = await asyncio.wait_for(process.wait(), command.timeout_seconds)
        except TimeoutError:
            log.warning("the execution %s ran into its time limit of %s s", name, command.timeout_seconds)
            self._hang_up(name)
            await process.wait()
            code = 1
        finally:
            self._processes.pop(name, None)
        self._close_input(process)
        if name in self._stopping:
            return STOPPED
        return SUCCEEDED if code == 0 and not self._closed else FAILED

    async def _spawn(self, name: str, command: Command) -> asyncio.subprocess.Process:
        program, *arguments = command.argv
        program = sys.executable if program in _PYTHON else program
        with self._open_log(name) as output:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", guard.__file__, program, *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self._project,
                env={**os.environ, **self._environment, **command.env},
                start_new_session=True,  # Ctrl-C is the supervisor's
            )

    def _open_log(self, name: str) -> BinaryIO:
        self._logs.mkdir(parents=True, exist_ok=True)
        return (self._logs / f"{name}.log").open("ab")

    def _close_input(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin:
            process.stdin.close()
