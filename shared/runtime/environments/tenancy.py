"""The binding endpoints of TenantRuntimeIsolationService: who may let a tenant act in an environment, and stop it.

Provisioning binds (Pending → Active) in its own transaction; here the binding is suspended and made active again. A
binding that is taken away is `Suspended`: the environment stays the tenant's to see, nothing in it can be changed, and
only another PUT lets the tenant in again. `Pending` is no state to come back to: it means that it was never made.

What is under way when a tenant is suspended goes on to its end, for half a release is worse than a whole one or none; the
answer names it. Only what has not touched any target yet ends as Failed, `TenantSuspended`. Nothing new begins, neither by
the tenant nor by the platform for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from shared.access.binding import BindingStatus, TenantBinding
from shared.events.journal import Journal, Transaction
from shared.kernel.clock import Clock
from shared.kernel.ids import OperationId
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import Environment, TenantId
from shared.store import keys
from shared.store.port import Row

Vault = Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]{1,200}/?$")]


class Wanted(StrEnum):
    ACTIVE = BindingStatus.ACTIVE.value
    SUSPENDED = BindingStatus.SUSPENDED.value


class BindingRequest(Record):
    """PUT /internal/environments/{environmentId}/tenant-binding. `allowed_vaults` stay as they are when not given."""

    tenant_id: TenantId | None = None
    status: Wanted
    allowed_vaults: Annotated[tuple[Vault, ...], Field(max_length=50)] | None = None
    reason: Annotated[str, StringConstraints(max_length=200)] | None = None


class BindingChanged(TenantBinding):
    """What a PUT answers. `active_operation_id`: what holds the slot now, and goes on to its end."""

    active_operation_id: OperationId | None = None
    trace_id: str


@dataclass(frozen=True)
class Tenancy:
    journal: Journal
    clock: Clock

    async def put(self, intent: Intent, admitted: Admitted, request: BindingRequest) -> Answer:
        """The binding as it stands then, and the operation that goes on in spite of it."""
        return await self._changed(intent, admitted, BindingStatus(request.status.value), request)

    async def remove(self, intent: Intent, admitted: Admitted) -> Answer:
        """The binding is taken away: the tenant acts no more."""
        await self._changed(intent, admitted, BindingStatus.SUSPENDED, None)
        return Answer(204, {})

    async def _changed(
        self, intent: Intent, admitted: Admitted, status: BindingStatus, request: BindingRequest | None
    ) -> Answer:
        standing, environment_id = admitted.binding, admitted.environment.environment_id
        vaults = standing.allowed_vaults
        if request is not None and request.allowed_vaults is not None:
            vaults = tuple(vault.rstrip("/") for vault in request.allowed_vaults)
        intent.will("replace", f"environments/{environment_id}/tenant-binding", status.value)
        because = f": {request.reason}" if request is not None and request.reason else ""
        summary = f"the tenant's binding is {status.value}{because}"
        tx = intent.transaction(admitted.place, f"tenant-binding.{status.value.lower()}", environment_id, summary)
        binding = standing.model_copy(update={"status": status, "allowed_vaults": vaults})
        if binding != standing:
            binding = binding.model_copy(update={"changed_at": self.clock(), "changed_by": intent.caller.subject})
        tx.replace(admitted.rows[keys.BINDING], binding)
        changed = BindingChanged(
            **binding.model_dump(), active_operation_id=admitted.slot.operation_id, trace_id=intent.caller.trace_id
        )
        answer = intent.remember(tx, Answer(200, changed.document()))
        await self.journal.active.mark(admitted.place)  # for the sweep that tells the tenant's list
        await self.journal.commit(tx)
        return answer


def pending(environment: Environment, now: datetime, by: str) -> TenantBinding:
    """The binding of an environment that is being made."""
    return TenantBinding(
        tenant_id=environment.tenant_id,
        environment_id=environment.environment_id,
        status=BindingStatus.PENDING,
        changed_at=now,
        changed_by=by,
    )


def bind(tx: Transaction, row: Row, now: datetime) -> None:
    """Add to `tx`, which ends the provisioning: the tenant may act."""
    active = {"status": BindingStatus.ACTIVE, "changed_at": now, "changed_by": "provisioning"}
    tx.replace(row, TenantBinding.read(row.document).model_copy(update=active))
