"""The stored decision, asked again before each effect: it covers this operation, this request, and has not expired.

The policy point itself is asked once; what it said then must still be about what is done now.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from shared.access.governance import Permit, ReceiptRefused, verify
from shared.operations.model import Joined, Operation, OperationKind

ACTIONS: Mapping[OperationKind, str] = {
    OperationKind.PROVISION: "environments.provision",
    OperationKind.DECOMMISSION: "environments.decommission",
    OperationKind.DEPLOY: "deployments.deploy",
    OperationKind.ROLLBACK: "deployments.rollback",
    OperationKind.ROTATE_SECRET: "secret-bindings.rotate",
    OperationKind.ADOPT_DRIFT: "drift.adopt",
    OperationKind.REMEDIATE_DRIFT: "drift.remediate",
}


def require_permitted(operation: Operation, now: datetime) -> None:
    """Raises `ReceiptRefused`. Before every forward effect; what takes something back does not need it.

    Each of several requests that became one operation has a decision of its own, and all of them must stand.
    """
    for part in _parts(operation):
        if part.receipt is not None:
            verify(
                part.receipt,
                action=ACTIONS[operation.kind],
                tenant_id=operation.tenant_id,
                environment_id=operation.environment_id,
                request_hash=part.request_hash,
                now=now,
            )


def _parts(operation: Operation) -> list[Operation | Joined]:
    return [operation, *operation.joined]


def permit_again(operation: Operation, now: datetime) -> Permit:
    """The permit of an operation that is tried again: the same request under the same decision.

    Raises `ReceiptRefused` when it has expired: then the request itself must be sent again, and decided anew.
    """
    for part in _parts(operation):
        if part.receipt is not None and now >= part.receipt.expires_at:
            raise ReceiptRefused("Expired", part.receipt.decision_id)
    if operation.receipt is None:
        return Permit(needed=False)
    return Permit(needed=True, receipt=operation.receipt)
