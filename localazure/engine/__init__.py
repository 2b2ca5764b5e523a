"""The embedded engine: an environment's resources as data, created through ARM.

It stands where Pulumi stands in production and keeps no state of its own: ARM is the state. `make` looks before it
creates, so a run after a crash completes what is missing and creates nothing twice; `destroy` likewise; `inspect` compares
what stands with what `make` would create.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from localazure.engine.comparison import differing, restored
from localazure.engine.outputs import outputs_of
from localazure.engine.part import Answers, Environment, Part
from localazure.engine.resources import parts

__all__ = ["Arm", "Progress", "destroy", "inspect", "make"]

RETAINED = frozenset({"Workspace", "KeyVault"})  # what holds data
RUNNING, SUCCEEDED = "Running", "Succeeded"
_POLL_SECONDS = 0.25
_PATIENCE_SECONDS = 1200.0  # a cluster takes Azure up to ten minutes
_SETTLED = {"Succeeded", "Failed", "Canceled"}
_UNUSABLE = {"Failed", "Canceled"}

Progress = Callable[[str, str, str], Awaitable[None]]  # step, "Running" | "Succeeded", detail


class Arm(Protocol):
    """Azure Resource Manager with credentials, retries and polling behind it."""

    async def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create or update, wait for the operation, give the resource."""

    async def get(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        """The resource; None when there is none."""

    async def delete(self, resource_id: str, api_version: str) -> None:
        """Delete and wait for the operation; absent is fine."""

    async def post(
        self, resource_id_and_action: str, api_version: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Call an action and give its answer."""


async def make(record: Mapping[str, Any], *, arm: Arm, progress: Progress) -> dict[str, str]:
    """Create what is missing of an environment and give its outputs.

    `record` is the environment with its operation (tenantId, projectId, environmentId, stage, region, computeTargets,
    placement, operationId, attempt). Raises what `arm` and `progress` raise; an attempt that was overtaken is ended by
    `progress`, which is awaited before every change. With `mend`, what stands and was changed is changed back.
    """
    environment = Environment.of(record)
    answers: Answers = {}
    for part in parts(environment):
        await progress(part.step, RUNNING, part.id(environment, answers))
        answers[part.step] = await _ensure(arm, environment, part, answers, mend=bool(record.get("mend")))
        await progress(part.step, SUCCEEDED, answers[part.step]["id"])
    return outputs_of(environment, answers)


async def destroy(record: Mapping[str, Any], *, arm: Arm, progress: Progress) -> None:
    """Delete an environment: its group with everything inside, or, in a group it shares or that keeps its data, its own
    resources one by one."""
    environment = Environment.of(record)
    group, *inner = parts(environment)
    standing = await arm.get(environment.group_id, group.api_version)
    if standing is None:
        return
    own = (standing.get("tags") or {}).get("cs-environment-id") == environment.id
    retained = RETAINED if record.get("retainData") else frozenset()
    whole = own and not retained
    for part in [group] if whole else [part for part in reversed(inner) if part.own and part.step not in retained]:
        resource_id = part.id(environment, {})
        await progress(part.step, RUNNING, resource_id)
        await _gone(arm, resource_id, part.api_version)
        await progress(part.step, SUCCEEDED, resource_id)


async def inspect(record: Mapping[str, Any], *, arm: Arm) -> list[dict[str, Any]]:
    """What is gone or changed, one document each: `resource` (its step), `change` (`delete`, `update`), `properties`
    (paths). What stands on something that is gone cannot be compared, and is not."""
    environment = Environment.of(record)
    answers: Answers = {}
    found: list[dict[str, Any]] = []
    for part in parts(environment):
        if not part.needs <= answers.keys():
            continue
        resource_id = part.id(environment, answers)
        standing = await _settled(arm, resource_id, part.api_version)
        if standing is None:
            found.append({"resource": part.step, "change": "delete"})
            continue
        answers[part.step] = await _with_actions(arm, resource_id, part, standing)
        if paths := list(differing(part.body(environment, answers), standing, part.loose)):
            found.append({"resource": part.step, "change": "update", "properties": paths})
    return found


async def _ensure(arm: Arm, environment: Environment, part: Part, answers: Answers, *, mend: bool) -> dict[str, Any]:
    """The resource as it stands once nothing changes it any more; created only where it is absent or unusable, written
    over where it differs and is to be mended."""
    resource_id = part.id(environment, answers)
    standing = await _settled(arm, resource_id, part.api_version)
    body = part.body(environment, answers)
    if standing is None or _state(standing) in _UNUSABLE:
        standing = await arm.put(resource_id, part.api_version, body)
    elif mend and any(differing(body, standing, part.loose)):
        standing = await arm.put(resource_id, part.api_version, restored(body, standing, part.loose))
    return await _with_actions(arm, resource_id, part, standing)


async def _with_actions(arm: Arm, resource_id: str, part: Part, standing: dict[str, Any]) -> dict[str, Any]:
    for name, action in part.actions.items():
        standing[name] = await arm.post(f"{resource_id}/{action}", part.api_version)
    return standing


async def _gone(arm: Arm, resource_id: str, api_version: str) -> None:
    """Deleted by us, or by an earlier run whose operation is still in progress."""
    if await _settled(arm, resource_id, api_version):
        await arm.delete(resource_id, api_version)


async def _settled(arm: Arm, resource_id: str, api_version: str) -> dict[str, Any] | None:
    """Look until no operation changes the resource: one of an earlier run would refuse ours with 409."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            standing = await arm.get(resource_id, api_version)
            if standing is None or _state(standing) in _SETTLED:
                return standing
            await asyncio.sleep(_POLL_SECONDS)


def _state(resource: Mapping[str, Any]) -> str:
    """Types without a provisioning state are written at once."""
    return str((resource.get("properties") or {}).get("provisioningState") or SUCCEEDED)
