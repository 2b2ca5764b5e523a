"""Runs a program that knows nothing of us (Azurite) and ends it when we are gone.

Started as a file with the standard library alone: `python leash.py node …`. When standard input ends (the supervisor was
killed) or SIGINT/SIGTERM comes, the program gets SIGINT, on which Azurite writes its database, and SIGKILL if it stays.
On Linux the program also gets SIGINT when this process itself is killed. Exits as the program did.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

_PATIENCE_SECONDS = 3.0
_PR_SET_PDEATHSIG = 1


def main(command: list[str]) -> int:
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent())  # noqa: S603 — its caller's words
    asked = threading.Event()

    def ask(*_signal: object) -> None:
        asked.set()
        with contextlib.suppress(ProcessLookupError):
            program.send_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    threading.Thread(target=_await_end_of_input, args=(ask,), daemon=True).start()
    threading.Thread(target=_insist, args=(asked, program), daemon=True).start()
    code = program.wait()
    return code if code >= 0 else 128 - code


def _die_with_parent() -> Callable[[], None] | None:
    """Between fork and exec only async-signal-safe work is allowed: the library is loaded before."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _await_end_of_input(ask: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    ask()


def _insist(asked: threading.Event, program: subprocess.Popen[bytes]) -> None:
    asked.wait()
    try:
        program.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
