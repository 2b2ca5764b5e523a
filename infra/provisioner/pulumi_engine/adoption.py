"""What reached Azure and not the state: a create whose engine was killed before it wrote down that it had happened.

Azure's provider refuses to create what exists, so what the state lacks is looked for by its ARM id, which the program knows
beforehand, and imported. Only what carries the environment's own tag is: what is somebody else's is refused. What never
got to stand (`Failed`) is deleted and made anew. The program asks while it is declared, on a thread of Pulumi's; the
answers come from the event loop.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from infra.components.ground import Named
from infra.environment.owned import PLATFORM_TAG
from infra.provisioner.engine import ResourceManager
from shared.kernel.errors import Refused, RuntimeCloudError

PATIENCE: Final = 1200.0  # seconds; a cluster takes Azure up to ten minutes
_POLL: Final = 2.0
_UNUSABLE: Final = {"failed", "canceled"}
_SETTLED: Final = {"succeeded", *_UNUSABLE}


@dataclass
class Adoption:
    """`known`: the steps whose resources the state has. `refused`: why the program must not go on, once it is known.
    `asked`: everything that the program consists of, in the order of its declaration."""

    arm: ResourceManager
    environment_id: str
    loop: asyncio.AbstractEventLoop
    known: frozenset[str] = frozenset()
    poll: float = _POLL
    refused: RuntimeCloudError | None = None
    asked: dict[str, Named] = field(default_factory=dict)

    def stands(self, named: Named) -> bool:
        """Whether to import it. Blocks; never called on the event loop."""
        self.asked[named.step] = named
        if named.step in self.known:
            return False
        try:
            return asyncio.run_coroutine_threadsafe(self.look(named), self.loop).result()
        except RuntimeCloudError as error:
            self.refused = error
            raise

    async def look(self, named: Named) -> bool:
        standing = await self._settled(named)
        if standing is None:
            return False
        tags = standing.get("tags")
        if "location" in standing and (tags or {}).get(PLATFORM_TAG) != self.environment_id:
            raise Refused("pulumi", "ForeignResource", f"{named.id} exists and is not of this environment")
        if _state(standing) in _UNUSABLE:
            await self.arm.delete(named.id, named.api_version)
            return False
        return True

    async def _settled(self, named: Named) -> dict[str, Any] | None:
        """Once no operation of a lost attempt changes it any more: Azure would refuse ours."""
        async with asyncio.timeout(PATIENCE):
            while True:
                standing = await self.arm.get(named.id, named.api_version)
                if standing is None or _state(standing) in _SETTLED:
                    return standing
                await asyncio.sleep(self.poll)


def _state(resource: dict[str, Any]) -> str:
    """Types without a provisioning state are written at once."""
    return str((resource.get("properties") or {}).get("provisioningState") or "succeeded").lower()
