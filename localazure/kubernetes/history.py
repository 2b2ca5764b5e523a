"""What happened to the objects of the cluster, newest last, for those who watch it: the API server's watch cache.

Bounded, and forgotten when the process ends: a watch that wants to go on from what is no longer known is told so (410,
Expired) and has to list anew. Versions grow from row to row, since one counter gives them all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localazure.kubernetes.kinds import Kind
from localazure.kubernetes.status import Refusal

KEPT = 4096


@dataclass(frozen=True)
class Change:
    """One write: `before` is None for a creation, `after` for a deletion."""

    version: int
    kind: Kind
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


class History:
    """`start` is the version of the newest write that was made before this process began to remember."""

    def __init__(self, start: int, kept: int = KEPT) -> None:
        self._changes: deque[Change] = deque()
        self._forgotten = start
        self._kept = kept
        self._news = asyncio.Event()
        self.closed = False

    @property
    def news(self) -> asyncio.Event:
        """Set with the next write, and when the history is closed; take it before looking at `since`."""
        return self._news

    def record(self, change: Change) -> None:
        self._changes.append(change)
        if len(self._changes) > self._kept:
            self._forgotten = self._changes.popleft().version
        self._tell()

    def since(self, version: int) -> Sequence[Change]:
        """What was written after a version, oldest first. Raises 410 for a version whose successors are forgotten."""
        if version < self._forgotten:
            raise Refusal(410, f"too old resource version: {version} ({self._forgotten})")
        found: list[Change] = []
        for change in reversed(self._changes):
            if change.version <= version:
                break
            found.append(change)
        return found[::-1]

    def close(self) -> None:
        """No more writes follow: watches end."""
        self.closed = True
        self._tell()

    def _tell(self) -> None:
        told, self._news = self._news, asyncio.Event()
        told.set()
