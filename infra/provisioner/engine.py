"""What an engine is: something that makes, inspects and unmakes an environment's resources. Loaded by the name in its
setting.

An engine is a module with these three coroutine functions, or one whose `engine(settings)` gives an object that has them.
Both are safe to run again after a crash at any point: what exists is recognised and not made twice, what is gone counts as
gone.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from shared.kernel.record import Record
from shared.operations.model import Operation
from shared.runtime.environments.model import Environment

Progress = Callable[[str, str, str], Awaitable[None]]  # (step, "Running" | "Succeeded", detail)
# ARM ids of what `infra/platform` makes and environments are tied to: the setting, and the output of its stack.
PLATFORM: Mapping[str, str] = {
    "PLATFORM_REGISTRY_ID": "registryId",  # which environments pull from
    "PLATFORM_ENDPOINTS_SUBNET_ID": "endpointsSubnetId",  # from where the platform reaches environments' vaults
    "PLATFORM_VAULT_ZONE_ID": "vaultZoneId",
    "PLATFORM_NOTICES_IDENTITY_ID": "noticesIdentityId",  # as which vaults' notices are sent to the platform
    "PLATFORM_NOTICES_QUEUE_ID": "noticesQueueId",
    "PLATFORM_NOTICES_CONTAINER_ID": "noticesContainerId",  # where those are kept that could not be delivered
}


class EnvironmentRecord(Record):
    """What an engine is told about the environment it makes."""

    tenant_id: str
    project_id: str
    environment_id: str
    name: str
    stage: str
    region: str
    isolation_model: str
    compute_targets: list[str]
    placement: dict[str, str]
    operation_id: str = ""  # none when it is inspected
    attempt: int = 0
    retain_data: bool = False  # when it is destroyed: its vault and its logs stay
    mend: bool = False  # when it is made again: what somebody changed is changed back


def record_of(environment: Environment, operation: Operation | None = None) -> EnvironmentRecord:
    names = EnvironmentRecord.model_fields.keys() & Environment.model_fields.keys() - {"placement"}
    told = EnvironmentRecord(
        **environment.model_dump(mode="json", include=set(names)), placement=environment.placement.document()
    )
    if operation is None:
        return told
    retained = bool(operation.request.get("retainData"))
    stamp = {"operation_id": operation.operation_id, "attempt": operation.attempt, "retain_data": retained}
    return told.model_copy(update={**stamp, "mend": operation.mends})


class ResourceManager(Protocol):
    """Azure Resource Manager as engines use it; every write waits for the operation it starts."""

    async def get(self, resource_id: str, api_version: str) -> dict[str, Any] | None: ...
    async def put(self, resource_id: str, api_version: str, body: dict[str, Any]) -> dict[str, Any]: ...
    async def delete(self, resource_id: str, api_version: str) -> None: ...
    async def post(self, path: str, api_version: str, body: dict[str, Any] | None = None) -> dict[str, Any]: ...


class Engine(Protocol):
    async def make(self, record: Mapping[str, Any], *, arm: ResourceManager, progress: Progress) -> dict[str, str]:
        """Make what is missing and return the outputs that targets and probes need; with `mend`, change back what differs
        from what was made, but what others decide on. Raises `Transient`, `Refused`."""

    async def destroy(self, record: Mapping[str, Any], *, arm: ResourceManager, progress: Progress) -> None:
        """Unmake all of it, but what holds data where `retainData` says so; absent resources count as gone."""

    async def inspect(self, record: Mapping[str, Any], *, arm: ResourceManager) -> list[dict[str, Any]]:
        """How Azure differs from what was made, as documents of `ResourceDifference`; nothing is changed. Raises
        `Transient`, `Refused` when not all of it could be read: what nobody saw is no difference."""


@dataclass(frozen=True)
class EngineSettings:
    """What an engine may need to know; each takes its own part. See README.md, "On real Azure"."""

    backend_url: str = ""
    secrets_provider: str = ""
    passphrase: str = field(default="", repr=False)
    platform: Mapping[str, str] = field(default_factory=dict)  # by the outputs of PLATFORM; none where there is none
    client_id: str = ""  # of the provisioner's managed identity
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)  # what a child process starts with: PATH, HOME


def load(name: str, settings: EngineSettings | None = None) -> Engine:
    """The engine of the module of that name. Raises `ValueError`, before any work, when there is none or it cannot work."""
    try:
        module = importlib.import_module(name)
    except (ImportError, ValueError, TypeError) as missing:  # the last two: no name at all, a relative one
        raise ValueError(f"PROVISIONER_ENGINE names {name!r}, which cannot be imported") from missing
    if hasattr(module, "engine"):
        return cast(Engine, module.engine(settings or EngineSettings()))
    if not all(hasattr(module, name) for name in ("make", "destroy", "inspect")):
        raise ValueError(f"PROVISIONER_ENGINE names {name!r}, which is no engine")
    return cast(Engine, module)
