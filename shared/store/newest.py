"""Lists that are read newest first, a page at a time.

Table Storage sorts by key and nothing else: whatever is listed has a small row whose key begins with an inverted time
(the log-tail pattern), written in the transaction that makes it. A page is one range read and the rows it points to.

No filter has an index: what is not wanted is read over, range by range, until the page is full or `most` rows were read.
Where that is not enough, the page is shorter, or empty, and says where to go on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.store import keys
from shared.store.port import Row, Store

T = TypeVar("T")
Reach = Callable[[str, int], Awaitable[Sequence[tuple[str, T | None]]]]


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    after: str | None  # where the next page begins; None on the last


async def newest(store: Store, partition: str, kind: str, *, limit: int, after: str = "") -> Page:
    """Up to `limit` rows of a kind, newest first, after the key `after` of an earlier page."""
    pointers = await store.list(partition, keys.list_prefix(kind), limit=limit + 1, after=after)
    shown = pointers[:limit]
    idents = [pointer.key.removeprefix(keys.list_prefix(kind)).partition("-")[2] for pointer in shown]
    found = await store.gather(partition, idents) if idents else {}
    rows = [found[ident] for ident in idents if ident in found]
    return Page(rows, shown[-1].key if len(pointers) > limit else None)


async def filled(reach: Reach[T], *, limit: int, ranges: int, most: int, after: str = "") -> tuple[list[T], str | None]:
    """Up to `limit` wanted items from behind the key `after`, and where the next page begins; None on the last.

    `reach(after, size)` reads up to `size` keys in their order, each with its item, or None where that is not wanted; fewer
    are the end. `ranges`: how many are read at a time, `most`: altogether.
    """
    found: list[T] = []
    left = most
    while left > 0:
        size = min(ranges, left)
        reached = await reach(after, size)
        for key, item in reached:
            if item is not None and len(found) == limit:
                return found, after
            if item is not None:
                found.append(item)
            after = key
        if len(reached) < size:
            return found, None
        left -= size
    return found, after
