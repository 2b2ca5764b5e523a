"""Operations that are begun in an environment that stands: under the slot's next generation, about one resource of it.

A resource is named by its path under /v1/runtime, which ends with its id. Nothing is committed here: whoever begins an
operation takes the slot for it in the transaction of the change that it is about.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.access.governance import Permit
from shared.events.journal import PLATFORM_CLIENT
from shared.kernel.ids import operation_id
from shared.operations.intent import Intent
from shared.operations.model import Operation, OperationKind
from shared.runtime.environments.isolation import Admitted


def asked_for(
    intent: Intent,
    admitted: Admitted,
    kind: OperationKind,
    permit: Permit,
    path: str,
    *,
    now: datetime,
    within: timedelta,
) -> Operation:
    """The operation that a call begins."""
    return intent.operation(
        kind,
        admitted.place,
        resource_id=_id(path),
        location=path,
        generation=admitted.slot.generation + 1,
        now=now,
        within=within,
        permit=permit,
    )


def by_itself(
    admitted: Admitted,
    kind: OperationKind,
    path: str,
    request_json: str,
    *,
    own: str,
    requested_by: str,
    trace_id: str,
    now: datetime,
    within: timedelta,
) -> Operation:
    """The operation that the platform begins. `own`: the 16 hex digits that its id ends with."""
    environment = admitted.environment
    return Operation(
        operation_id=operation_id(environment.environment_id, own),
        environment_id=environment.environment_id,
        kind=kind,
        waiting_for="a worker to start it",
        must_settle_by=now + within,
        requested_by=requested_by,
        request_json=request_json,
        resource_location=f"/v1/runtime{path}",
        created_at=now,
        last_action_at=now,
        trace_id=trace_id,
        tenant_id=environment.tenant_id,
        project_id=environment.project_id,
        client_id=PLATFORM_CLIENT,
        resource_id=_id(path),
        generation=admitted.slot.generation + 1,
    )


def _id(path: str) -> str:
    return path.rpartition("/")[2]
