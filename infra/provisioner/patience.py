"""Patience: what meets only transient errors is tried again for a budget, then fails the operation.

Repeating is safe because it is made for it: engines write with a PUT of a named resource or a DELETE, and what is written
to the operation row says the same the second time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from infra.provisioner.engine import ResourceManager
from shared.kernel.errors import Transient

T = TypeVar("T")
FIRST_WAIT = 0.5  # seconds
LONGEST_WAIT = 15.0


@dataclass(frozen=True)
class Patience:
    budget: float  # seconds that one call may meet nothing but transient errors
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def again(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` returns, as soon as it does. Raises `Transient` when the budget would end before the next try."""
        deadline, wait = self.clock() + self.budget, FIRST_WAIT
        while True:
            try:
                return await call()
            except Transient as error:
                pause = max(wait, error.retry_after)
                if self.clock() + pause > deadline:
                    raise
                await self.sleep(pause)
                wait = min(wait * 2, LONGEST_WAIT)


@dataclass(frozen=True)
class Patient:
    """ARM with patience."""

    arm: ResourceManager
    patience: Patience

    async def get(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        return await self.patience.again(lambda: self.arm.get(resource_id, api_version))

    async def put(self, resource_id: str, api_version: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self.patience.again(lambda: self.arm.put(resource_id, api_version, body))

    async def delete(self, resource_id: str, api_version: str) -> None:
        await self.patience.again(lambda: self.arm.delete(resource_id, api_version))

    async def post(self, path: str, api_version: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self.patience.again(lambda: self.arm.post(path, api_version, body))
