"""What the platform refuses, as exceptions with fields: RFC 9457 over REST, statuses with trailing metadata over gRPC.

`code` is the contract's; a code that this client does not know is a plain `Problem`. Texts are for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .generated.documents import OperationState


class Problem(Exception):
    """`status`: of HTTP, 0 over gRPC. `retry_after`: seconds, where the platform said when to come again."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        status: int = 0,
        trace_id: str | None = None,
        retry_after: float | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}" + (f" ({trace_id})" if trace_id else ""))
        self.code = code
        self.detail = detail
        self.status = status
        self.trace_id = trace_id
        self.retry_after = retry_after
        self.members = dict(members or {})


class Invalid(Problem):
    """The request is wrong, and stays so: every 400, 405, 413, 415 and 422, and a version that there is not."""

    @property
    def errors(self) -> Mapping[str, list[str]]:
        """Path of the field -> what is wrong with it."""
        found: Mapping[str, list[str]] = self.members.get("errors", {})
        return found


class Denied(Problem):
    """The caller may not: InvalidToken, InsufficientScope, TenantMismatch, TenantSuspended, the policy's codes."""

    @property
    def reasons(self) -> list[str]:
        return list(self.members.get("reasons", ()))

    @property
    def obligations(self) -> Mapping[str, Any]:
        return dict(self.members.get("obligations", {}))


class NotThere(Problem):
    """Unknown, or another tenant's."""


class Conflict(Problem):
    """Not as things stand: every 409 and 412."""


class OperationInFlight(Conflict):
    """Another operation holds the environment."""

    @property
    def operation_id(self) -> str:
        return str(self.members["operationId"])

    @property
    def must_settle_by(self) -> str:
        return str(self.members["mustSettleBy"])


class Stale(Conflict):
    """`if_match` names a state that is not current, or others were faster: PreconditionFailed, ConcurrentChange."""


class Unavailable(Problem):
    """It may work later: TooManyRequests, DependencyUnavailable, or nobody answered at all."""


class OperationFailed(Problem):
    """An operation that was waited for ended as Failed or Canceled."""

    def __init__(self, operation: OperationState) -> None:
        error = operation.get("error") or {"code": operation["status"], "message": ""}
        super().__init__(error["code"], error["message"], trace_id=operation["traceId"])
        self.operation = operation


_CODES: Mapping[type[Problem], str] = {
    Invalid: (
        "MalformedRequest UnsupportedApiVersion MethodNotAllowed BodyTooLarge UnsupportedMediaType ValidationFailed "
        "TargetNotEnabled IdempotencyKeyReused"
    ),
    Denied: "InvalidToken InsufficientScope TenantMismatch TenantSuspended PolicyDenied PolicyApprovalRequired",
    NotThere: "NotFound",
    OperationInFlight: "OperationInFlight",
    Conflict: (
        "EnvironmentNotReady TransitionRefused NameTaken NoStableSnapshot OnHold IsolationBreach AttemptsExhausted "
        "NotCancellable NotRetryable NotPaused"
    ),
    Stale: "PreconditionFailed ConcurrentChange",
    Unavailable: "TooManyRequests DependencyUnavailable Ending",
}
_BY_CODE = {code: kind for kind, codes in _CODES.items() for code in codes.split()}


def problem(code: str, detail: str, **fields: Any) -> Problem:
    """The exception for a code."""
    return _BY_CODE.get(code, Problem)(code, detail, **fields)
