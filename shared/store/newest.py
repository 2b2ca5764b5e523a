"""Lists that are read newest first, a page at a time.

Table Storage sorts by key and nothing else: whatever is listed has a small row whose key begins with an inverted time
(the log-tail pattern), written in the transaction that makes it. A page is one range read and the rows it points to.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.store import keys
from shared.store.port import Row, Store


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
