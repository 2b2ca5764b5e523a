"""One row per environment that moves with every change of what callers watch there.

Whoever follows an environment (runtime_grpc) polls this small row instead of all that it shows. The row is put into the
very transaction that changes something, here and nowhere else, so that no writer can forget it. It is put unconditionally
and its value is the commit's own id: unrelated changes never conflict on it, and no value ever comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.store import keys
from shared.store.port import Change, Put, Row, Store

REVISION = "rev"
REPORTS = "reports"  # what others say of the health of services (shared.runtime.health.reports)

_ROWS = frozenset({keys.ENVIRONMENT, keys.BINDING, keys.HEALTH, keys.SCAN, REPORTS})
_PREFIXES = ("svc-", "drift-")
_OF_AN_ENVIRONMENT = "|env-"  # in a partition key; an escaped tenant holds no `|`


class Opened(Store, Protocol):
    async def close(self) -> None:
        """End what was opened."""


class Revised:
    """`inner` as a `Store` that keeps the revision rows. Errors and promises are those of `inner`."""

    def __init__(self, inner: Opened) -> None:
        self._inner = inner

    async def close(self) -> None:
        await self._inner.close()

    async def get(self, partition: str, key: str) -> Row | None:
        return await self._inner.get(partition, key)

    async def gather(self, partition: str, keys: Sequence[str]) -> dict[str, Row]:
        return await self._inner.gather(partition, keys)

    async def commit(self, partition: str, commit_id: str, changes: Sequence[Change]) -> None:
        if _OF_AN_ENVIRONMENT in partition and any(_is_watched(change.key) for change in changes):
            changes = [*changes, Put(REVISION, {"revision": commit_id})]
        await self._inner.commit(partition, commit_id, changes)

    # Last, because below it the name `list` is this method for a type checker.
    async def list(self, partition: str, prefix: str, *, limit: int, after: str = "") -> Sequence[Row]:
        return await self._inner.list(partition, prefix, limit=limit, after=after)


async def revision_of(store: Store, partition: str) -> str:
    """The revision of an environment: one point read. Empty before anything was written there."""
    row = await store.get(partition, REVISION)
    return str(row.document["revision"]) if row else ""


def _is_watched(key: str) -> bool:
    return key in _ROWS or key.startswith(_PREFIXES)
