"""The provisioner as a Container Apps Job: started through ARM, asked through ARM whether it still runs.

The job's own template says what it is; a start changes nothing but its arguments. Raises `Transient`, `Refused`.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.azure.api_versions import CONTAINER_APPS
from shared.azure.arm import Arm
from shared.kernel.errors import Refused

# Container Apps' words for an execution that can still write; anything unheard of counts as alive, since declaring a
# live writer dead would start a second one beside it.
_ENDED = frozenset({"Succeeded", "Failed", "Stopped", "Degraded"})


@dataclass(frozen=True)
class ContainerAppsJob:
    arm: Arm
    resource_id: str

    async def start(self, tenant_id: str, operation_id: str, attempt: int) -> str:
        """Start an execution for one attempt of one operation and return its name."""
        return await self._start("--tenant", tenant_id, "--operation", operation_id, "--attempt", str(attempt))

    async def inspect(self, tenant_id: str, environment_id: str) -> str:
        """Start an execution that looks at an environment's infrastructure, and return its name."""
        return await self._start("--tenant", tenant_id, "--inspect", environment_id)

    async def _start(self, *arguments: str) -> str:
        job = await self.arm.get(self.resource_id, CONTAINER_APPS)
        if job is None:
            raise Refused("arm", "JobNotFound", "PROVISIONER_JOB_ID names no Container Apps Job")
        container = job["properties"]["template"]["containers"][0]
        override = {"containers": [{**container, "args": [*_own(container), *arguments]}]}
        started = await self.arm.post(f"{self.resource_id}/start", CONTAINER_APPS, override)
        return str(started["name"])

    async def stop(self, execution: str) -> None:
        """Ask an execution to end; that one which has ended meanwhile cannot be stopped is no error."""
        try:
            await self.arm.post(f"{self.resource_id}/executions/{execution}/stop", CONTAINER_APPS)
        except Refused:
            if await self.alive(execution):
                raise

    async def alive(self, execution: str) -> bool:
        """Whether the execution may still write; one that ARM does not know cannot."""
        found = await self.arm.get(f"{self.resource_id}/executions/{execution}", CONTAINER_APPS)
        if found is None:
            return False
        status = found.get("properties", found).get("status")
        return status not in _ENDED


def _own(container: dict[str, object]) -> list[str]:
    given = container.get("args")
    return [str(argument) for argument in given] if isinstance(given, list) else []
