"""Following environments: one small read per environment and interval, whatever the number of those who follow.

A `Watch` polls the revision row of one environment of one tenant and loads what stands behind it only when it moved. What
may be said of it at a time is a `View`: judged once, with everything that was made of it (messages, pages) kept as bytes
until the revision moves or time itself changes the judgement (evidence grows stale).

Invariants
- Nothing is queued for a subscriber: it is told that something moved and takes what is true then. A reader that is slow
  misses what was true in between and holds nothing but the one message that it does not take.
- A store that cannot be asked ends no stream: followers keep what they have, which grows stale by the clock.
- A watch ends all of its subscribers at once when the binding is no longer Active, the environment is gone, or the server
  ends; also those that wait for a reader that does not read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from runtime_grpc.streams import Stream
from shared.kernel.clock import Clock
from shared.kernel.errors import NotFound, RuntimeCloudError
from shared.kernel.ids import EnvironmentId, is_environment_id
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.health.inventory import Seen, seen_of
from shared.runtime.health.model import EnvironmentHealth
from shared.runtime.health.reports import health_of
from shared.store import keys
from shared.store.port import Store
from shared.store.revision import REPORTS, revision_of

T = TypeVar("T")

FRESH = 0.1  # seconds for which single calls share one look: what they read is never older
WITHIN = 10.0  # seconds: the longest that a call waits for a read, whatever deadline it was sent with
IDLE = 256  # watches kept without subscribers
KEPT = 32  # things made of one view

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """An environment as it may be judged from `since` on, until `until` or until its revision moves."""

    revision: str
    admitted: Admitted
    health: EnvironmentHealth
    since: datetime
    until: datetime | None
    stale_after: timedelta
    made: OrderedDict[Any, asyncio.Task[Any]] = field(default_factory=OrderedDict)
    notes: dict[str, Any] = field(default_factory=dict)  # what followers made of it, by service

    def seen(self, service_id: str) -> Seen:
        return seen_of(self.health, service_id, self.since, self.stale_after)

    async def once(self, key: Any, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` gives for `key`, made once however many ask at the same time. What fails is made again."""
        task = self.made.get(key)
        if task is None:
            task = self.made[key] = asyncio.ensure_future(_awaited(make))
            task.add_done_callback(lambda ended: self._settle(key, ended))
            if len(self.made) > KEPT:
                self.made.popitem(last=False)
        return task.result() if task.done() else await _bounded(task)

    def _settle(self, key: Any, ended: asyncio.Task[Any]) -> None:
        if (ended.cancelled() or ended.exception() is not None) and self.made.get(key) is ended:
            del self.made[key]


async def _bounded(task: asyncio.Task[T]) -> T:
    """The result of what others wait for, too. Raises `TimeoutError` when it takes too long for a call."""
    async with asyncio.timeout(WITHIN):
        return await asyncio.shield(task)


async def _awaited(make: Callable[[], Awaitable[T]]) -> T:
    return await make()


@dataclass(frozen=True)
class Sources:
    """What watches read, and how often."""

    store: Store
    isolation: Isolation
    clock: Clock
    stale_after: timedelta
    poll: float  # seconds


class Watch:
    def __init__(self, sources: Sources, tenant_id: str, environment_id: str) -> None:
        self._sources = sources
        self._tenant_id = tenant_id
        self.environment_id = environment_id
        self.view: View | None = None
        self._partition = keys.partition_of(tenant_id, EnvironmentId(environment_id))
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[View] | None = None
        self._polling: asyncio.Task[None] | None = None
        self._subscribers: dict[Stream, asyncio.Event] = {}

    @property
    def followed(self) -> bool:
        return bool(self._subscribers)

    async def current(self, within: float = FRESH) -> View:
        """The view, not older than `within` seconds; whoever asks at the same time shares the look.

        Raises `NotFound` (another tenant's, too), `Transient`, `Unreadable`.
        """
        loop = asyncio.get_running_loop()
        if self.view is not None and loop.time() - self._looked_at <= within and not self._is_over(self.view):
            return self.view
        if self._looking is None:
            self._looking = loop.create_task(self._look())
            self._looking.add_done_callback(self._looked)
        return await _bounded(self._looking)

    @contextmanager
    def subscription(self, stream: Stream) -> Iterator[asyncio.Event]:
        """For as long as the block runs: the event is set when there may be something new, and the stream ends when the
        watch does."""
        moved = self._subscribers[stream] = asyncio.Event()
        if self.view is not None and (reason := closed(self.view.admitted)):
            stream.end(reason)
        if self._polling is None:
            self._polling = asyncio.get_running_loop().create_task(self._poll())
        try:
            yield moved
        finally:
            del self._subscribers[stream]
            if not self._subscribers and self._polling is not None:
                self._polling.cancel()
                self._polling = None

    def end(self, reason: RuntimeCloudError) -> None:
        """End every subscriber with `reason`."""
        for stream in list(self._subscribers):
            stream.end(reason)

    async def _look(self) -> View:
        revision = await revision_of(self._sources.store, self._partition)
        standing = self.view
        if standing is None or not revision or revision != standing.revision:
            admitted = await self._admitted()
            self._judge(revision, admitted)
        elif self._is_over(standing):
            self._judge(revision, standing.admitted)
        self._looked_at = asyncio.get_running_loop().time()
        if self.view is None:
            raise LookupError("judged, and nothing to see")
        return self.view

    async def _admitted(self) -> Admitted:
        admitted = await self._sources.isolation.admit(
            self._tenant_id, self.environment_id, keys.HEALTH, REPORTS, keys.SCAN
        )
        if admitted.environment.environment_id != self.environment_id:
            raise NotFound("environment", self.environment_id)
        return admitted

    def _judge(self, revision: str, admitted: Admitted) -> None:
        now, stale_after = self._sources.clock(), self._sources.stale_after
        health = health_of(admitted, now, stale_after)
        ends = (health.evaluated_at(service_id) + stale_after for service_id in health.services)
        until = min((end for end in ends if end >= now), default=None)
        self.view = View(revision, admitted, health, now, until, stale_after)
        for moved in self._subscribers.values():
            moved.set()
        reason = closed(admitted)
        if reason is not None:
            self.end(reason)

    def _is_over(self, view: View) -> bool:
        return view.until is not None and self._sources.clock() > view.until

    def _looked(self, ended: asyncio.Task[View]) -> None:
        self._looking = None
        if not ended.cancelled():
            ended.exception()  # it went to whoever waited; where nobody did any more, nobody is to be warned

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._sources.poll)
            try:
                await self.current(within=0.0)
            except NotFound as gone:
                self.end(gone)
            except RuntimeCloudError as error:
                log.info("%s is followed on what is known: %r", self.environment_id, error)
                self._age()
            except Exception:  # a defect met in one look must not leave followers with a dead watch
                log.exception("the look at %s failed", self.environment_id)
                self._age()

    def _age(self) -> None:
        """Time goes on while the store is away."""
        if self.view is not None and self._is_over(self.view):
            self._judge(self.view.revision, self.view.admitted)


def closed(admitted: Admitted) -> RuntimeCloudError | None:
    """Why nobody may follow the environment; None when it is open."""
    if admitted.environment.status is EnvironmentStatus.DECOMMISSIONED:
        return NotFound("environment", admitted.environment.environment_id)
    return admitted.closed


class Watches:
    """The watches of this replica, by tenant and environment."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._watches: OrderedDict[tuple[str, str], Watch] = OrderedDict()
        self._opening: dict[tuple[str, str], Watch] = {}

    async def watch(self, tenant_id: str, environment_id: str) -> tuple[Watch, View]:
        """The watch of an environment that is there, and its view now. Raises as `Watch.current`."""
        key = (tenant_id, environment_id)
        watch = self._watches.get(key)
        if watch is None:
            return await self._opened(key)
        self._watches.move_to_end(key)
        return watch, await watch.current()

    async def _opened(self, key: tuple[str, str]) -> tuple[Watch, View]:
        """Kept only once it is known to be there; until then whoever comes shares the first look."""
        tenant_id, environment_id = key
        if not is_environment_id(environment_id):
            raise NotFound("environment", environment_id)
        watch = self._opening.setdefault(key, Watch(self._sources, tenant_id, environment_id))
        try:
            view = await watch.current()
        finally:
            self._opening.pop(key, None)
        self._watches[key] = watch
        self._forget()
        return watch, view

    def _forget(self) -> None:
        if len(self._watches) <= IDLE:
            return
        idle = [key for key, watch in self._watches.items() if not watch.followed]
        for key in idle[: max(0, len(idle) - IDLE)]:
            del self._watches[key]
