"""A decision covers what it was about, until it expires: not in the instant of its end, and for each that joined."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.access.governance import Permit, Receipt, ReceiptRefused
from shared.operations.model import Joined, Operation
from shared.operations.permitted import permit_again, require_permitted
from tests.unit.operations.world import NOON, World

LAST = NOON + timedelta(hours=1)
AN_INSTANT = timedelta(microseconds=1)


@pytest.fixture
async def operation() -> Operation:
    return await World().provision()


def governed(operation: Operation, *, until: datetime = LAST, decision_id: str = "d-1") -> Operation:
    receipt = Receipt(
        decision_id=decision_id,
        action="environments.provision",
        tenant_id=operation.tenant_id,
        environment_id=operation.environment_id,
        request_hash=operation.request_hash,
        subject="ada",
        decided_at=NOON,
        expires_at=until,
    )
    return operation.model_copy(update={"receipt": receipt})


def joined_by(operation: Operation, *, until: datetime) -> Operation:
    other = governed(operation, until=until, decision_id="d-2").receipt
    part = Joined(resource_id="sb-2", request_json=operation.request_json, receipt=other)
    return operation.model_copy(update={"joined": [part]})


def test_what_needed_no_decision_needs_none_again(operation: Operation) -> None:
    require_permitted(operation, LAST)
    assert permit_again(operation, LAST) == Permit(needed=False)


def test_a_decision_holds_up_to_its_last_instant(operation: Operation) -> None:
    decided = governed(operation)
    require_permitted(decided, LAST - AN_INSTANT)
    assert permit_again(decided, LAST - AN_INSTANT) == Permit(needed=True, receipt=decided.receipt)
    for ask in (require_permitted, permit_again):
        with pytest.raises(ReceiptRefused) as refused:
            ask(decided, LAST)
        assert (refused.value.reason, refused.value.decision_id) == ("Expired", "d-1")


def test_each_that_joined_stands_on_its_own_decision(operation: Operation) -> None:
    together = joined_by(governed(operation), until=LAST - AN_INSTANT)
    for ask in (require_permitted, permit_again):
        with pytest.raises(ReceiptRefused) as refused:
            ask(together, LAST - AN_INSTANT)
        assert (refused.value.reason, refused.value.decision_id) == ("Expired", "d-2")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"action": "environments.decommission"}, "Foreign"),
        ({"tenant_id": "other"}, "Foreign"),
        ({"environment_id": "env-0123456789abcdef"}, "Foreign"),
        ({"request_hash": "0" * 64}, "Changed"),
    ],
)
def test_a_decision_about_something_else_is_none(operation: Operation, changed: dict[str, str], reason: str) -> None:
    decided = governed(operation)
    assert decided.receipt is not None
    other = decided.model_copy(update={"receipt": decided.receipt.model_copy(update=changed)})
    with pytest.raises(ReceiptRefused) as refused:
        require_permitted(other, NOON)
    assert refused.value.reason == reason
