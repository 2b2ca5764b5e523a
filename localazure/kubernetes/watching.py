"""`watch=true`: the changes of a collection, as they happen, one JSON document a line.

From a resourceVersion on, or, without one, from the objects as they stand (each an ADDED). An object that begins to match
the selectors is ADDED, one that ends to is DELETED, as for a client that knows no other objects. A version that is too old
ends the stream with an ERROR event of a 410 Status, not with an answer of that code, as the API server has it. Bookmarks
carry nothing but a version from which to go on; with `sendInitialEvents` one says that all that stood was told.

Source: Kubernetes API concepts, "Efficient detection of changes"; k8s.io/apiserver, pkg/storage/cacher.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localazure.kubernetes import selectors
from localazure.kubernetes.cabinet import Cabinet
from localazure.kubernetes.history import Change
from localazure.kubernetes.kinds import Kind
from localazure.kubernetes.paging import number, version
from localazure.kubernetes.routes import Route
from localazure.kubernetes.status import Refusal, invalid
from localazure.kubernetes.wire import Call

BOOKMARK_SECONDS = 60.0
LONGEST_SECONDS = 1800.0  # a watch without `timeoutSeconds`; clients begin another where it ended
INITIAL_EVENTS_END = "k8s.io/initial-events-end"

_LIST_OPTIONS = Kind("meta.k8s.io", "v1", "", "ListOptions")

_Event = dict[str, Any]


def wanted(call: Call, route: Route) -> bool:
    """Whether a call watches a collection. A single object is not watched by its own path."""
    return call.method == "GET" and not route.name and call.query.get("watch") in ("true", "1")


@dataclass
class Watch:
    """One watch. `after` is the version of which the client knows; None: it knows nothing yet."""

    cabinet: Cabinet
    kind: Kind
    namespace: str
    matches: selectors.Test
    after: int | None
    seconds: float
    bookmarks: bool
    marks_start: bool
    bookmark_seconds: float
    _told: int = field(default=0, init=False)

    async def lines(self) -> AsyncIterator[bytes]:
        """Until the time is over, the cluster ends, or what is wanted is no longer known."""
        async for event in self._events():
            yield json.dumps(event, separators=(",", ":")).encode() + b"\n"

    async def _events(self) -> AsyncIterator[_Event]:
        end = time.monotonic() + self.seconds
        for event in self._start():
            yield event
        history = self.cabinet.history
        while not history.closed:
            news = history.news
            try:
                changes = history.since(self._told)
            except Refusal as expired:
                yield {"type": "ERROR", "object": expired.body()}
                return
            for change in changes:
                if (shown := self._shown(change)) is not None:
                    yield shown
                self._told = change.version
            if changes:
                continue
            left = end - time.monotonic()
            if left <= 0:
                break
            quiet = not await _happened(news, min(left, self.bookmark_seconds))
            if quiet and self.bookmarks:
                yield self._bookmark()

    def _start(self) -> list[_Event]:
        if self.after is not None:
            self._told = self.after
            return []
        self._told = int(self.cabinet.version)
        standing = self.cabinet.all(self.kind, self.namespace or None)
        events: list[_Event] = [{"type": "ADDED", "object": thing} for thing in standing if self.matches(thing)]
        if self.marks_start:
            events.append(self._bookmark({INITIAL_EVENTS_END: "true"}))
        return events

    def _shown(self, change: Change) -> _Event | None:
        if change.kind is not self.kind:
            return None
        was, now = self._holds(change.before), self._holds(change.after)
        if now:
            return {"type": "MODIFIED" if was else "ADDED", "object": change.after}
        if not was:
            return None
        gone = change.before or {}
        metadata = {**gone["metadata"], "resourceVersion": str(change.version)}
        return {"type": "DELETED", "object": {**gone, "metadata": metadata}}

    def _holds(self, thing: Mapping[str, Any] | None) -> bool:
        if thing is None or (self.namespace and thing["metadata"].get("namespace") != self.namespace):
            return False
        return self.matches(thing)

    def _bookmark(self, annotations: Mapping[str, str] | None = None) -> _Event:
        metadata = {"resourceVersion": str(self._told), **({"annotations": annotations} if annotations else {})}
        kind = {"kind": self.kind.kind, "apiVersion": self.kind.api_version}
        return {"type": "BOOKMARK", "object": {**kind, "metadata": metadata}}


def open_watch(call: Call, route: Route, cabinet: Cabinet) -> Watch:
    """Raises 400 and 500 for what cannot be read, 422 for `sendInitialEvents` without its match."""
    query = call.query
    try:
        after = version(query.get("resourceVersion", ""))
    except ValueError as unreadable:  # an error of the server, as the real one has it
        raise Refusal(500, str(unreadable), reason="") from None
    initial = query.get("sendInitialEvents") in ("true", "1")
    if initial and query.get("resourceVersionMatch") != "NotOlderThan":
        problem = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid(_LIST_OPTIONS, "", [("resourceVersionMatch", problem)])
    seconds = number(query.get("timeoutSeconds") or "0", "timeoutSeconds")
    bookmarks = query.get("allowWatchBookmarks") in ("true", "1")
    return Watch(
        cabinet,
        route.kind,
        route.namespace,
        selectors.chosen(query),
        None if initial else after,
        float(seconds or LONGEST_SECONDS),
        bookmarks,
        initial and bookmarks,
        BOOKMARK_SECONDS,
    )


async def _happened(news: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(news.wait(), seconds)
    return False
