"""The stored decision, asked again before each effect: it covers this operation, this request, and has not expired.

The policy point itself is asked once; what it said then must still be about what is done now.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from shared.access.governance import Permit, ReceiptRefused, verify
from shared.operations.model import Operation, OperationKind

ACTIONS: Mapping[OperationKind, str] = {
    OperationKind.PROVISION: "environments.provision",
    OperationKind.DECOMMISSION: "environments.decommission",
    OperationKind.DEPLOY: "deployments.deploy",
    OperationKind.ROLLBACK: "deployments.rollback",
}


def require_permitted(operation: Operation, now: datetime) -> None:
    """Raises `ReceiptRefused`. Before every forward effect; what takes something back does not need it."""
    if operation.receipt is not None:
        verify(
            operation.receipt,
            action=ACTIONS[operation.kind],
            tenant_id=operation.tenant_id,
            environment_id=operation.environment_id,
            request_hash=operation.request_hash,
            now=now,
        )


def permit_again(operation: Operation, now: datetime) -> Permit:
    """The permit of an operation that is tried again: the same request under the same decision.

    Raises `ReceiptRefused` when it has expired: then the request itself must be sent again, and decided anew.
    """
    if operation.receipt is None:
        return Permit(needed=False)
    if now >= operation.receipt.expires_at:
        raise ReceiptRefused("Expired", operation.receipt.decision_id)
    return Permit(needed=True, receipt=operation.receipt)
