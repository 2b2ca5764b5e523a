"""What follows the end of an operation is made, also when the hub forgot that it was still to do.

An orchestration commits the end first and then brings up to date what is derived from it: the tenant's list and, of a
decommissioned environment, its way out of the indexes. A hub that loses its storage between the two
owes that for ever, and no operation is left that the settle sweep could take up. The environment is still on the sweep's
list then: the end marked it. So the sweep asks once, after each operation, how its orchestration ended, and where the hub
does not know, makes all of it here. Everything made is a projection of what stands, so making it again is harmless.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from shared.operations.hub import Hub, InstanceState
from shared.operations.model import Operation, Run
from shared.operations.slot import LISTED, ListedOperation
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import EnvironmentStatus
from shared.store import keys
from shared.store.port import Store
from shared.store.reading import read

log = logging.getLogger(__name__)
Follow = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True)
class Following:
    """`forget` takes a decommissioned environment out of the indexes."""

    store: Store
    index: Index
    forget: Follow
    _made: dict[str, int] = field(default_factory=dict)  # by partition, the generation that is known to be followed up

    async def made(self, admitted: Admitted, hub: Hub) -> bool:
        """Whether nothing is left that follows the last operation; makes it where nobody else will. Raises `Transient`."""
        partition, generation = admitted.place.partition, admitted.slot.generation
        if self._made.get(partition) == generation:
            return True
        operation = await self._last(partition)
        if operation is not None:
            state = await hub.state(operation)
            if state is InstanceState.WORKING:
                return False
            if state is InstanceState.MISSING:
                log.info("%s ended, and the hub no longer knows it: what follows is made here", operation.operation_id)
                await self._make(admitted, operation)
        self._made[partition] = generation
        return True

    async def tell(self, admitted: Admitted, *, waits: bool) -> None:
        """What the tenant's list says of the binding, and of an operation that a person should look at."""
        members = {"binding_status": admitted.binding.status, "operation_waits": waits}
        await self.index.summarise(admitted.environment, members)

    async def _last(self, partition: str) -> Operation | None:
        newest = await self.store.list(partition, keys.list_prefix(LISTED), limit=1)
        if not newest:
            return None
        row = await self.store.get(partition, read(ListedOperation, partition, newest[0]).operation_id)
        return None if row is None else read(Operation, partition, row)

    async def _make(self, admitted: Admitted, operation: Operation) -> None:
        if admitted.environment.status is EnvironmentStatus.DECOMMISSIONED:
            return await self.forget(operation.run)
        await self.index.project(admitted.environment)
