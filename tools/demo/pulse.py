"""The health of services as it changes, over gRPC, while something else happens to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from clients.runtime_client import Live, messages


@dataclass
class Pulse:
    """`words`: how each service is now; `heard`: messages so far."""

    words: dict[str, str] = field(default_factory=dict)
    heard: int = 0

    @property
    def line(self) -> str:
        return " · ".join(f"{service_id} {word}" for service_id, word in sorted(self.words.items()))

    async def _follow(self, live: Live, environment_id: str, service_id: str) -> None:
        async for result in live.health(service_id, environment_id=environment_id):
            self.words[service_id] = messages.HealthStatus.Name(result.status).removeprefix("HEALTH_STATUS_").capitalize()
            self.heard += 1


@contextlib.asynccontextmanager
async def pulse(live: Live, environment_id: str, service_ids: Sequence[str]) -> AsyncIterator[Pulse]:
    """For as long as the block runs. A stream that ends before it fails the block with the stream's `Problem`."""
    taken = Pulse()
    try:
        async with asyncio.TaskGroup() as group:
            follow = [group.create_task(taken._follow(live, environment_id, one)) for one in service_ids]
            yield taken
            for task in follow:
                task.cancel()
    except* Exception as several:
        raise several.exceptions[0] from None
