"""The log as people read it: what happened in an environment, newest first, a page at a time.

Invariants
- A row's key begins with its inverted instant, so `from` and `to` are places in the key range: nothing outside of them is
  read, but for the rest of the last range read. Keys count milliseconds; inside the first and last of them the rows'
  own instants decide.
- A kind has no index: rows of other kinds are read over, `MOST` rows a request. Where that is not enough for a full page,
  the page is shorter, or empty, and says where to go on.
- An entry says what happened and to what, never what was written: hashes, events and the client stay in the log.

Failure modes: an unreadable row is left out, with an alert; `Transient` when the store cannot be asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from shared.access.caller import Caller
from shared.events.journal import Entry, TimelineEntry
from shared.kernel.clock import newest_first
from shared.kernel.errors import MalformedRequest, NotFound, Unreadable
from shared.kernel.ids import environment_of, is_environment_id
from shared.store import keys
from shared.store.newest import filled
from shared.store.port import Row, Store
from shared.store.reading import read

PREFIX = "log-"
MOST = 1000  # rows read for one page
RANGE = 250  # rows of a range read when a kind is looked for
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)  # before it, inverted instants have one digit more and sort elsewhere


@dataclass(frozen=True)
class Filter:
    """What of the log is wanted. Raises `MalformedRequest` for a window that ends before it begins.

    `kind` is an exact one ("deployment.completed") or a group of them, the part before the dot ("deployment"). `since`
    and `until` are both inside the window.
    """

    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise MalformedRequest({"from": ["must not be later than to"]})

    @property
    def begins_after(self) -> str:
        """The key that everything up to `until` sorts after."""
        return PREFIX + _inverted(self.until) if self.until is not None else ""

    def is_over(self, key: str) -> bool:
        """Whether `key`, and so every key after it, is from before `since`."""
        return self.since is not None and _stamp(key) > _inverted(self.since)

    def wants(self, entry: Entry) -> bool:
        if self.since is not None and entry.at < self.since:
            return False
        if self.until is not None and entry.at > self.until:
            return False
        return self.kind is None or self.kind in (entry.kind, entry.kind.partition(".")[0])


@dataclass(frozen=True)
class TimelinePage:
    entries: list[dict[str, Any]]
    after: str | None  # where the next page begins; None on the last


@dataclass(frozen=True)
class Timeline:
    store: Store

    async def page(self, caller: Caller, environment_id: str, wanted: Filter, limit: int, after: str) -> TimelinePage:
        """Up to `limit` wanted entries, newest first, after the key `after` of an earlier page.

        Raises `NotFound` for what is no environment of the tenant's.
        """
        partition = await self._known(caller, environment_id)
        return await self._filled(partition, wanted, limit, max(after, wanted.begins_after))

    async def _known(self, caller: Caller, environment_id: str) -> str:
        partition = keys.partition_of(caller.tenant_id, environment_of(environment_id))
        known = is_environment_id(environment_id) and await self.store.get(partition, keys.ENVIRONMENT) is not None
        if not known:
            raise NotFound("environment", environment_id)
        return partition

    async def _filled(self, partition: str, wanted: Filter, limit: int, after: str) -> TimelinePage:
        """Without a kind nearly every row is wanted: one range, with one row more than the page, holds it."""

        async def reach(after: str, size: int) -> list[tuple[str, dict[str, Any] | None]]:
            rows = await self.store.list(partition, PREFIX, limit=size, after=after)
            inside = takewhile(lambda row: not wanted.is_over(row.key), rows)
            entries = ((row.key, _wanted(partition, row, wanted)) for row in inside)
            return [(key, entry.document(TimelineEntry) if entry else None) for key, entry in entries]

        ranges = RANGE if wanted.kind is not None else limit + 1
        return TimelinePage(*await filled(reach, limit=limit, ranges=ranges, most=MOST, after=after))


def _stamp(key: str) -> str:
    return key.removeprefix(PREFIX).partition("-")[0]


def _inverted(at: datetime) -> str:
    return newest_first(max(at, EARLIEST))


def _wanted(partition: str, row: Row, wanted: Filter) -> Entry | None:
    try:
        entry = read(Entry, partition, row)
    except Unreadable:  # `read` has raised the alert
        return None
    return entry if wanted.wants(entry) else None
