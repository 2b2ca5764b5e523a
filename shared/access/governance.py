"""The policy decision that every production mutation needs, and the receipt that proves it afterwards.

The policy point is asked once per mutation, over the data API of Open Policy Agent, so that a real OPA serves it. Its
answer is bound to the SHA-256 of the normalised request and kept as a `Receipt`; each later effect verifies the receipt and
never asks again, so that a decision cannot change under a running deployment.

Fail closed: late, not a 200, a redirect, no `result` (OPA's undefined), an `allow` that is no boolean, members of another
type or given twice: all of it is `Transient("policy")`, nothing is started, and nothing is ever an allow but `true`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, StrictBool, StrictStr, ValidationError

from shared.access import strict_json
from shared.access.origins import is_confidential
from shared.kernel.canonical import canonical, sha256
from shared.kernel.clock import Clock
from shared.kernel.errors import PolicyDenied, RuntimeCloudError, Transient
from shared.kernel.record import Record

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[tuple[int, bytes]]]
Bearer = Callable[[], Awaitable[str]]

GOVERNED_STAGE = "prod"
RECEIPT_LIFETIME = timedelta(hours=24)
OK = 200
MAX_REASONS = 50


class ReceiptRefused(RuntimeCloudError):
    """The stored decision does not cover this effect. `reason`: Foreign, Changed or Expired."""

    def __init__(self, reason: str, decision_id: str | None) -> None:
        super().__init__(reason, decision_id)
        self.reason = reason
        self.decision_id = decision_id


class Question(Record):
    """What is to be decided. `request` is the normalised request document; its hash is what the decision is bound to."""

    action: str
    tenant_id: str
    subject: str
    client_id: str
    environment_id: str | None = None
    stage: str
    request: dict[str, Any]
    trace_id: str

    @property
    def request_hash(self) -> str:
        return sha256(self.request)

    def input(self) -> dict[str, Any]:
        """OPA's `input`; the request exactly as it was hashed, nulls included."""
        return {**self.document(), "request": self.request, "requestHash": self.request_hash}


class Receipt(Record):
    """An allow, kept with the operation it lets happen."""

    decision_id: str | None = None
    action: str
    tenant_id: str
    environment_id: str | None = None  # None only where the decision is about an environment that does not exist yet
    request_hash: str
    subject: str
    decided_at: datetime
    expires_at: datetime
    obligations: dict[str, Any] = Field(default_factory=dict)
    reasons: tuple[str, ...] = ()


class Permit(Record):
    """Leave to go on. `receipt` is there exactly when one was `needed`."""

    needed: bool
    receipt: Receipt | None = None


class _Result(Record):
    model_config = {"extra": "ignore"}

    allow: StrictBool
    reasons: tuple[StrictStr, ...] = Field(default=(), max_length=MAX_REASONS)
    obligations: dict[str, Any] = Field(default_factory=dict)


class _Decision(Record):
    model_config = {"extra": "ignore"}

    result: _Result
    decision_id: StrictStr | None = Field(default=None, alias="decision_id", max_length=256)


class Governance:
    """One policy point. `timeout` in seconds; `bearer` gives the credential of our own call, never the caller's token."""

    def __init__(
        self,
        url: str,
        post: Post,
        *,
        clock: Clock,
        timeout: float = 3.0,
        bearer: Bearer | None = None,
        receipt_lifetime: timedelta = RECEIPT_LIFETIME,
    ) -> None:
        if bearer is not None and not is_confidential(url):
            raise ValueError("a credential is sent to the policy point only over https, or on loopback")
        self._url = url
        self._post = post
        self._clock = clock
        self._timeout = timeout
        self._bearer = bearer
        self._receipt_lifetime = receipt_lifetime

    async def permit(self, question: Question, *, stage: str) -> Permit:
        """Leave for `question` in an environment of `stage`; outside prod without asking.

        Raises `PolicyDenied`, or `Transient("policy")` when there is no decision.
        """
        if GOVERNED_STAGE not in (stage, question.stage):
            return Permit(needed=False)
        decision = await self._ask(question)
        result = decision.result
        if not result.allow:
            raise PolicyDenied(decision.decision_id, result.reasons, result.obligations)
        return Permit(needed=True, receipt=self._receipt(question, decision))

    async def _ask(self, question: Question) -> _Decision:
        try:
            async with asyncio.timeout(self._timeout):
                body = canonical({"input": question.input()})
                status, answer = await self._post(self._url, body, await self._headers())
        except Exception as error:  # whatever keeps us from an answer, our own credential included, is no decision
            raise Transient("policy") from error
        if status != OK:
            raise Transient("policy")
        try:
            return _Decision.model_validate(strict_json.loads(answer))
        except (ValueError, ValidationError) as error:
            raise Transient("policy") from error

    async def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._bearer is not None:
            headers["Authorization"] = f"Bearer {await self._bearer()}"
        return headers

    def _receipt(self, question: Question, decision: _Decision) -> Receipt:
        now = self._clock()
        return Receipt(
            decision_id=decision.decision_id,
            action=question.action,
            tenant_id=question.tenant_id,
            environment_id=question.environment_id,
            request_hash=question.request_hash,
            subject=question.subject,
            decided_at=now,
            expires_at=now + self._receipt_lifetime,
            obligations=decision.result.obligations,
            reasons=decision.result.reasons,
        )


def verify(
    receipt: Receipt, action: str, tenant_id: str, environment_id: str | None, request_hash: str, now: datetime
) -> None:
    """Raise `ReceiptRefused` unless `receipt` was given for exactly this and has not expired.

    A receipt without an environment was given before there was one (provisioning): the request's hash ties it.
    """
    bound = receipt.environment_id is None or receipt.environment_id == environment_id
    if receipt.action != action or receipt.tenant_id != tenant_id or not bound:
        raise ReceiptRefused("Foreign", receipt.decision_id)
    if receipt.request_hash != request_hash:
        raise ReceiptRefused("Changed", receipt.decision_id)
    if now >= receipt.expires_at:
        raise ReceiptRefused("Expired", receipt.decision_id)
