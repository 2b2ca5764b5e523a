"""Runs one command and ends it when standard input ends: the parent was stopped, killed, or wants it ended.

Started as a script, so that it imports nothing but the standard library (about 20 ms). A pipe is the one parent-death
signal that every POSIX system has: the kernel closes it even when the parent is SIGKILLed. The command gets SIGTERM, and
SIGKILL (with all it started) `GRACE_SECONDS` later. The exit code is the command's; 128 + n when signal n ended it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 5.0


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):  # it ended in this very moment
            os.killpg(child.pid, signal.SIGKILL)


def _end_with_input(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    _end(child)


def main(command: list[str]) -> int:
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - no shell
    except OSError as failure:
        sys.stderr.write(f"cannot start {command[0]}: {failure}\n")
        return 127
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_end, args=(child,)).start())
    threading.Thread(target=_end_with_input, args=(child,), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
