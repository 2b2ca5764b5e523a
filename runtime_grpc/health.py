"""RuntimeHealth: the health of one service as it changes, for as long as the caller may know.

A stream says what is true now, then each change: of the status, of a check's status, of what runs, or that the evidence
has grown stale. That the same was seen again is no change; a heartbeat says that the stream lives. The resume token is a
hash of what was last said: whoever comes back with it, to this replica or another, hears of a change only if there was
one meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from runtime_grpc import wire
from runtime_grpc.doorway import Call
from runtime_grpc.streams import Streams
from runtime_grpc.watching import View, Watch, Watches
from shared.kernel.canonical import sha256
from shared.kernel.clock import Clock
from shared.kernel.errors import MalformedRequest, NotFound
from shared.runtime.catalog.where import Where
from shared.runtime.health.inventory import Seen
from shared.store import keys
from shared.store.port import Store

DIGITS = 32  # of a resume token
LONGEST_TOKEN = 256  # characters; whatever it is, it only ever is compared


@dataclass(frozen=True)
class Said:
    token: str
    message: bytes


@dataclass(frozen=True)
class RuntimeHealth:
    watches: Watches
    store: Store
    where: Where
    streams: Streams
    clock: Clock
    heartbeat: float  # seconds

    async def stream_health(self, call: Call, request: Any) -> None:
        """Raises `NotFound`, `TenantSuspended`, `TooManyRequests`; ends with `InvalidToken` when the token does."""
        if len(request.resume_token) > LONGEST_TOKEN:
            raise MalformedRequest({"resume_token": ["is none of ours"]})
        tenant_id = call.caller.tenant_id
        with self.streams.one(tenant_id) as stream:
            watch, view = await self.watches.watch(tenant_id, await self._environment(call, request))
            await self._require_there(view, request.service_id)
            with watch.subscription(stream) as moved:
                following = _Following(call, watch, moved, request.service_id, request.resume_token, self)
                await stream.run(self.streams.left(call.expires_at), following.run())

    async def _environment(self, call: Call, request: Any) -> str:
        """The one that is named, else where the service runs at the highest stage. Raises `NotFound`."""
        named = request.environment_id or await self.where.best(call.caller.tenant_id, request.service_id)
        if named is None:
            raise NotFound("service", request.service_id)
        return str(named)

    async def _require_there(self, view: View, service_id: str) -> None:
        key = keys.service(service_id)

        async def there() -> bool:
            return await self.store.get(view.admitted.place.partition, key) is not None

        if not service_id or not await view.once(key, there):
            raise NotFound("service", service_id)


@dataclass
class _Following:
    call: Call
    watch: Watch
    moved: asyncio.Event
    service_id: str
    token: str  # of what was last said
    health: RuntimeHealth

    async def run(self) -> None:
        """Forever: whoever follows ends it."""
        loop = asyncio.get_running_loop()
        due = loop.time()  # with nothing new to say, the caller hears at once that the stream stands
        alarm = loop.call_at(due, self.moved.set)
        try:
            while True:
                self.moved.clear()
                said = self._said()
                if said.token != self.token:
                    self.token = said.token
                    await self.call.send(said.message)
                elif loop.time() >= due:
                    await self.call.send(self._heartbeat())
                else:
                    if alarm.when() <= loop.time():  # it rang: one timer a heartbeat, however many messages
                        alarm = loop.call_at(due, self.moved.set)
                    await self.moved.wait()
                    continue
                due = loop.time() + self.health.heartbeat
        finally:
            alarm.cancel()

    def _said(self) -> Said:
        """What is true of the service now, the same bytes for every stream."""
        view = self.watch.view
        if view is None:
            raise LookupError("followed before it was looked at")
        said = view.notes.get(self.service_id)
        if said is None:
            said = view.notes[self.service_id] = _said(
                self.service_id, self.watch.environment_id, view.seen(self.service_id)
            )
        return said

    def _heartbeat(self) -> bytes:
        sent_at = wire.timestamp(self.health.clock())
        beat = wire.pb.StreamHealthResponse(resume_token=self.token, heartbeat=wire.pb.Heartbeat(sent_at=sent_at))
        return bytes(beat.SerializeToString())


def _said(service_id: str, environment_id: str, seen: Seen) -> Said:
    image = seen.service.image if seen.service else None
    checks = [[check.name, check.status.value] for check in seen.checks]
    token = sha256([service_id, environment_id, seen.status.value, seen.stale, checks, image])[:DIGITS]
    result = wire.health_result(service_id, environment_id, seen)
    answer = wire.pb.StreamHealthResponse(resume_token=token, result=result)
    return Said(token, bytes(answer.SerializeToString()))
