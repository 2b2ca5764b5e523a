"""What every child process of the local Azure does alike: its event loop, and when it ends.

A child ends on SIGINT and SIGTERM and, where it is told to watch its standard input, when that ends: the supervisor holds
the other end of the pipe, so no child outlives one that was killed. What does not end in time is ended regardless.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable

_PATIENCE_SECONDS = 6.0  # between being told to end and ending regardless
_log = logging.getLogger(__name__)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where there is one; None stands for asyncio's own."""
    try:
        import uvloop
    except ImportError:  # not on every platform
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def end_on_request(stop: Callable[[], None], *, watch_stdin: bool) -> None:
    """Call `stop` on the running loop once the process is asked to end. Only from the main thread.

    The signals are heard while the loop is blocked, too: `_PATIENCE_SECONDS` run from the moment of the request.
    """
    loop = asyncio.get_running_loop()

    def end() -> None:
        patience = threading.Timer(_PATIENCE_SECONDS, os._exit, (1,))
        patience.daemon = True
        patience.start()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(stop)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        _log.info("stdin reached its end: the supervisor is gone")
        end()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end())
    if watch_stdin:
        threading.Thread(target=watch, name="watch-stdin", daemon=True).start()
