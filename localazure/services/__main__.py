"""`python -m localazure.services --data D [--watch-stdin]`: every stand-in, until SIGINT, SIGTERM or the end of stdin.

The supervisor holds the other end of stdin, so the stand-ins do not outlive one that was killed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from localazure.layout import Layout
from localazure.services.composition import Services

_PATIENCE_SECONDS = 6.0  # between being told to end and ending regardless
log = logging.getLogger("localazure.services")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localazure.services", description="All stand-ins of the local Azure.")
    parser.add_argument("--data", type=Path, required=True, help="the data folder (localazure.layout)")
    parser.add_argument("--watch-stdin", action="store_true", help="end when stdin reaches its end")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(Layout(options.data.absolute()), options.watch_stdin))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not on every platform
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(layout: Layout, watch_stdin: bool) -> None:
    ended = asyncio.Event()
    _end_on(ended, watch_stdin)
    services = Services(layout)
    try:
        await services.start()
        log.info("all stand-ins serve, control API on %s", layout.url("control"))
        await ended.wait()
    finally:
        await services.stop()


def _end_on(ended: asyncio.Event, watch_stdin: bool) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        patience = threading.Timer(_PATIENCE_SECONDS, os._exit, (1,))
        patience.daemon = True
        patience.start()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(ended.set)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    if watch_stdin:
        threading.Thread(target=watch, name="watch-stdin", daemon=True).start()


if __name__ == "__main__":
    main()
