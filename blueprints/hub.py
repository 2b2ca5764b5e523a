"""The hub as the durable client reaches it; made per invocation, because the client is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import azure.durable_functions as df

from blueprints.orchestrations import started
from shared.container import Container
from shared.kernel.errors import Transient
from shared.operations.hub import InstanceState
from shared.operations.model import Operation
from shared.operations.procedure import WAKE

T = TypeVar("T")
WORKING = frozenset({"Running", "Pending", "Suspended", "ContinuedAsNew"})
ENDED = frozenset({"Completed", "Failed", "Terminated", "Canceled"})


@dataclass(frozen=True)
class DurableHub:
    """Implements `shared.operations.hub.Hub`."""

    client: df.DurableOrchestrationClient
    app: Callable[[], Container]

    async def start(self, operation: Operation) -> None:
        name, instance_id, payload = started(operation, self.app())
        await _asked(self.client.start_new(name, instance_id, payload))

    async def wake(self, instance_id: str) -> None:
        await _asked(self.client.raise_event(instance_id, WAKE, ""))

    async def state(self, operation: Operation) -> InstanceState:
        status: Any = await _asked(self.client.get_status(operation.instance_id))
        word = status.runtime_status.name if status and status.runtime_status else None
        if word in WORKING:
            return InstanceState.WORKING
        return InstanceState.ENDED if word in ENDED else InstanceState.MISSING

    async def terminate(self, operation: Operation) -> None:
        if await self.state(operation) is InstanceState.WORKING:  # the client fails for an instance that is not there
            await _asked(self.client.terminate(operation.instance_id, "ended by the settle sweep"))


async def _asked(call: Awaitable[T]) -> T:
    try:
        return await call
    except Exception as error:  # the client raises bare Exception with the hub's text, and aiohttp's own
        raise Transient("hub") from error
