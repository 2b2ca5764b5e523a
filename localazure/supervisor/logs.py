"""What children say: into one file each, and line by line onto the supervisor's stderr.

A terminal or pipe that nobody reads must not stop the platform: stderr is written by a thread of its own from a bounded
queue, and lines that do not fit are dropped there (never in the file). A file that grew past `ROTATE_BYTES` becomes `.1`.
"""

from __future__ import annotations

import queue
import sys
import threading
from pathlib import Path
from typing import TextIO

ROTATE_BYTES = 16 * 1024 * 1024
_QUEUE_LINES = 10_000


class Echo:
    """stderr, fed without ever blocking the caller."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._lines: queue.Queue[str | None] = queue.Queue(_QUEUE_LINES)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        if not self._lines.full():
            self._lines.put_nowait(line)

    def close(self, patience: float = 1.0) -> None:
        """Write what is left, if anybody reads it within `patience` seconds."""
        if not self._lines.full():
            self._lines.put_nowait(None)
            self._thread.join(patience)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return  # nobody is there any more


class ChildLog:
    """One child's file; also remembers the last line, for the report of a start that failed."""

    def __init__(self, name: str, path: Path, echo: Echo) -> None:
        self._name = name
        self.path = path
        self._echo = echo
        self._file = path.open("ab", buffering=0)
        self._rest = b""
        self.last_line = ""

    def feed(self, content: bytes) -> None:
        """Take output as it comes; lines may be cut anywhere."""
        if self._file.tell() > ROTATE_BYTES:
            self._rotate()
        self._file.write(content)
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            self._tell(line)

    def finish(self) -> None:
        if self._rest:
            self._tell(self._rest)
            self._rest = b""

    def close(self) -> None:
        self._file.close()

    def _tell(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        if text:
            self.last_line = text
            self._echo.say(f"{self._name} | {text}")

    def _rotate(self) -> None:
        self._file.close()
        self.path.replace(self.path.with_name(self.path.name + ".1"))
        self._file = self.path.open("ab", buffering=0)
