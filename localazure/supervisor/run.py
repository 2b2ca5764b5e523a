"""`up`: prepare the folder, start the children in order, say Ready, keep them, end them in the opposite order.

The announcement is made once, when every child serves. SIGINT, SIGTERM and SIGHUP end everything, at any moment of the
start too. The order of the end matters: the host first, while what it talks to is there; Azurite last, for it writes its
database on the way out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localazure.layout import STAND_IN, Layout, write_by_rename
from localazure.supervisor.child import Child, ChildSpec
from localazure.supervisor.folder import DataFolder
from localazure.supervisor.logs import Echo
from localazure.supervisor.settings import OTLP, QUICK, otlp_endpoint, write_settings
from localazure.supervisor.table import Composition, endpoints, platform
from localazure.supervisor.trouble import Trouble

READY_SECONDS = 60.0
Announce = Callable[[Layout, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Options:
    """`port` is the api's; 0 keeps the folder's own, drawn free at its first start. `root` is the project's folder.
    `telemetry`: the app tells spans, metrics and lines to the folder's own collector."""

    data: Path
    root: Path
    port: int = 0
    reset: bool = False
    quick: bool = False
    kubernetes: str = STAND_IN
    telemetry: bool = False

    def own_settings(self, layout: Layout) -> Mapping[str, str]:
        """What differs from a platform that was started without any option."""
        told = {OTLP: otlp_endpoint(layout)} if self.telemetry else {}
        return {**(QUICK if self.quick else {}), **told}


def announce(_layout: Layout, serving: Mapping[str, Any]) -> None:
    """The one line on stdout that other programs wait for."""
    print(f"Ready {json.dumps(serving)}", flush=True)  # noqa: T201 — the interface


def up(
    options: Options,
    environ: Mapping[str, str] | None = None,
    ready: Announce = announce,
    compose: Composition = platform,
) -> None:
    """Run the platform until a signal ends it. Raises `Trouble` when it cannot start."""
    asyncio.run(_Platform(options, dict(os.environ if environ is None else environ), ready, compose).run())


class _Platform:
    def __init__(self, options: Options, environ: Mapping[str, str], ready: Announce, compose: Composition) -> None:
        self._options = options
        self._environ = environ
        self._announce = ready
        self._compose = compose
        self._ended = asyncio.Event()
        self._children: list[Child] = []

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._ended.set)
        folder = DataFolder.open(self._options.data, reset=self._options.reset)
        layout, echo = Layout(folder.data), Echo()
        try:
            specs = self._prepare(folder, layout)
            await self._serve(specs, folder, layout, echo)
        finally:
            layout.endpoints.unlink(missing_ok=True)
            await self._end()
            echo.close()
            folder.close()

    def _prepare(self, folder: DataFolder, layout: Layout) -> Sequence[ChildSpec]:
        options = self._options
        layout.endpoints.unlink(missing_ok=True)
        folder.keep_ports(options.port or None)
        write_by_rename(layout.data / "options.json", {"quick": options.quick, "kubernetes": options.kubernetes})
        write_settings(layout, options.root / "local.settings.sample.json", self._environ, options.own_settings(layout))
        return self._compose(layout, options.root, self._environ)

    async def _serve(self, specs: Sequence[ChildSpec], folder: DataFolder, layout: Layout, echo: Echo) -> None:
        starting = asyncio.create_task(self._start_all(specs, folder, layout, echo))
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait([starting, ended], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, Trouble):
                await starting
            return
        try:
            starting.result()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first one names the cause
        serving = endpoints(layout)
        self._announce(layout, serving)
        write_by_rename(layout.endpoints, serving)
        await ended

    async def _start_all(self, specs: Sequence[ChildSpec], folder: DataFolder, layout: Layout, echo: Echo) -> None:
        serving: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            for spec in specs:
                child = Child(spec, layout.logs, self._options.root, echo, [folder.lock])
                self._children.append(child)
                before = [serving[name] for name in spec.after]
                serving[spec.name] = group.create_task(_start(child, before))

    async def _end(self) -> None:
        for child in reversed(self._children):
            await child.stop()


async def _start(child: Child, before: Sequence[asyncio.Task[None]]) -> None:
    if before:
        await asyncio.wait(before)
    await child.start()
    await child.until_ready(READY_SECONDS)
