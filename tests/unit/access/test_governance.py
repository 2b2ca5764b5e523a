"""Nothing is an allow but `true` in a 200, and a receipt covers exactly what was decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.access.governance import Governance, Permit, Question, Receipt, ReceiptRefused, verify
from shared.kernel.canonical import sha256
from shared.kernel.errors import PolicyDenied, Transient
from shared.kernel.ids import environment_id

NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
URL = "http://127.0.0.1:8181/v1/data/governance/decision"
REQUEST = {"name": "booking-prod-weu", "nested": {"absent": None}}
QUESTION = Question(
    action="provision",
    tenant_id="connectsoft",
    subject="ada",
    client_id="control-plane",
    stage="prod",
    request=REQUEST,
    trace_id="trace-1",
)
ALLOW = {"result": {"allow": True, "reasons": ["ok"], "obligations": {"notify": "ops"}}, "decision_id": "d-1"}


class PolicyPoint:
    def __init__(self, status: int, answer: Any) -> None:
        self.status, self.answer = status, answer
        self.asked: list[tuple[str, dict[str, Any], Mapping[str, str]]] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self.asked.append((url, json.loads(body), headers))
        raw = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        return self.status, raw


def governance(post: Callable[..., Any], **options: Any) -> Governance:
    return Governance(URL, post, clock=lambda: NOON, **options)


@pytest.mark.parametrize("stage", ["dev", "test", "staging"])
async def test_outside_prod_nobody_is_asked(stage: str) -> None:
    point = PolicyPoint(500, b"")
    permit = await governance(point.post).permit(QUESTION.model_copy(update={"stage": stage}), stage=stage)
    assert permit == Permit(needed=False)
    assert point.asked == []


async def test_the_question_is_opas_input_with_the_hash_of_the_request() -> None:
    point = PolicyPoint(200, ALLOW)
    await governance(point.post).permit(QUESTION, stage="prod")
    ((url, body, headers),) = point.asked
    assert url == URL
    assert body == {
        "input": {
            "action": "provision",
            "tenantId": "connectsoft",
            "subject": "ada",
            "clientId": "control-plane",
            "stage": "prod",
            "request": REQUEST,
            "requestHash": sha256(REQUEST),
            "traceId": "trace-1",
        }
    }
    assert headers == {"Content-Type": "application/json", "Accept": "application/json"}


async def test_a_receipt_is_about_the_environment_that_was_asked_about() -> None:
    for ident in (None, environment_id("0" * 16)):
        question = QUESTION.model_copy(update={"environment_id": ident})
        receipt = (await governance(PolicyPoint(200, ALLOW).post).permit(question, stage="prod")).receipt
        assert receipt is not None
        assert (receipt.environment_id, receipt.tenant_id, receipt.subject) == (ident, "connectsoft", "ada")
        assert receipt.action == "provision"


def test_a_refusal_tells_its_reason_and_decision() -> None:
    assert ReceiptRefused("Expired", "d-1").args == ("Expired", "d-1")


async def test_an_allow_becomes_a_receipt_for_a_day() -> None:
    permit = await governance(PolicyPoint(200, ALLOW).post).permit(QUESTION, stage="prod")
    receipt = permit.receipt
    assert permit.needed
    assert receipt is not None
    assert (receipt.decision_id, receipt.obligations, receipt.reasons) == ("d-1", {"notify": "ops"}, ("ok",))
    assert (receipt.decided_at, receipt.expires_at) == (NOON, NOON + timedelta(hours=24))
    assert receipt.request_hash == sha256(REQUEST)
    assert Receipt.read(json.loads(json.dumps(receipt.document()))) == receipt


async def test_opas_shortest_allow_will_do_and_what_it_adds_is_ignored() -> None:
    for answer in ({"result": {"allow": True}}, {**ALLOW, "metrics": {}, "result": {"allow": True, "more": 1}}):
        assert (await governance(PolicyPoint(200, answer).post).permit(QUESTION, stage="prod")).receipt


async def test_the_receipts_lifetime_is_a_setting() -> None:
    made = governance(PolicyPoint(200, ALLOW).post, receipt_lifetime=timedelta(minutes=5))
    receipt = (await made.permit(QUESTION, stage="prod")).receipt
    assert receipt is not None
    assert receipt.expires_at == NOON + timedelta(minutes=5)


async def test_a_denial_says_who_decided_and_why() -> None:
    answer = {"result": {"allow": False, "reasons": ["not silo"], "obligations": {"approval": "cab"}}, "decision_id": "d-2"}
    with pytest.raises(PolicyDenied) as caught:
        await governance(PolicyPoint(200, answer).post).permit(QUESTION, stage="prod")
    assert (caught.value.decision_id, caught.value.reasons) == ("d-2", ["not silo"])
    assert caught.value.obligations == {"approval": "cab"}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {}),
        (200, {"decision_id": "d-1"}),
        (200, {"result": None}),
        (200, {"result": True}),
        (200, {"result": []}),
        (200, {"result": {}}),
        (200, {"result": {"allow": "true"}}),
        (200, {"result": {"allow": 1}}),
        (200, {"result": {"allow": None}}),
        (200, {"result": {"allow": True, "obligations": "approval"}}),
        (200, {"result": {"allow": True, "reasons": "because"}}),
        (200, b'{"result":{"allow":false,"allow":true}}'),
        (200, b'{"result":{"allow":true}'),
        (200, b"\xff"),
        (200, b"[" * 100_000),
        (200, b""),
        (201, ALLOW),
        (204, b""),
        (302, ALLOW),
        (307, ALLOW),
        (401, ALLOW),
        (404, ALLOW),
        (500, ALLOW),
    ],
)
async def test_everything_else_is_no_decision(status: int, answer: Any) -> None:
    with pytest.raises(Transient) as caught:
        await governance(PolicyPoint(status, answer).post).permit(QUESTION, stage="prod")
    assert caught.value.dependency == "policy"


async def test_a_late_answer_is_none() -> None:
    async def late(*_: Any) -> tuple[int, bytes]:
        await asyncio.sleep(30)
        return 200, json.dumps(ALLOW).encode()

    with pytest.raises(Transient):
        await governance(late, timeout=0.02).permit(QUESTION, stage="prod")


@pytest.mark.parametrize("error", [OSError("refused"), Transient("other"), RuntimeError("credential")])
async def test_an_unreachable_policy_point_is_none(error: Exception) -> None:
    async def fails(*_: Any) -> tuple[int, bytes]:
        raise error

    with pytest.raises(Transient) as caught:
        await governance(fails).permit(QUESTION, stage="prod")
    assert caught.value.dependency == "policy"


async def test_a_question_about_prod_is_asked_whatever_the_stage_beside_it_says() -> None:
    point = PolicyPoint(200, ALLOW)
    assert (await governance(point.post).permit(QUESTION, stage="dev")).needed


async def test_the_call_carries_its_own_credential_and_never_in_the_clear() -> None:
    async def ours() -> str:
        return "platform-token"

    point = PolicyPoint(200, ALLOW)
    await governance(point.post, bearer=ours).permit(QUESTION, stage="prod")
    assert point.asked[0][2]["Authorization"] == "Bearer platform-token"
    with pytest.raises(ValueError, match="credential"):
        Governance("http://opa.example", point.post, clock=lambda: NOON, bearer=ours)


RECEIPT = Receipt(
    decision_id="d-1",
    action="deploy",
    tenant_id="connectsoft",
    environment_id="env-1",
    request_hash="hash",
    subject="ada",
    decided_at=NOON,
    expires_at=NOON + timedelta(hours=1),
)


def test_a_receipt_covers_exactly_what_was_decided() -> None:
    verify(RECEIPT, "deploy", "connectsoft", "env-1", "hash", NOON)
    before_there_was_one = RECEIPT.model_copy(update={"environment_id": None})
    verify(before_there_was_one, "deploy", "connectsoft", "env-1", "hash", NOON)


@pytest.mark.parametrize(
    ("covered", "reason"),
    [
        (("rollback", "connectsoft", "env-1", "hash", NOON), "Foreign"),
        (("deploy", "other", "env-1", "hash", NOON), "Foreign"),
        (("deploy", "connectsoft", "env-2", "hash", NOON), "Foreign"),
        (("deploy", "connectsoft", None, "hash", NOON), "Foreign"),
        (("deploy", "connectsoft", "env-1", "other", NOON), "Changed"),
        (("deploy", "connectsoft", "env-1", "hash", NOON + timedelta(hours=1)), "Expired"),
    ],
)
def test_a_receipt_covers_nothing_else(covered: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(ReceiptRefused) as caught:
        verify(RECEIPT, *covered)
    assert (caught.value.reason, caught.value.decision_id) == (reason, "d-1")
