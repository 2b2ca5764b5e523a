"""Errors as types: what went wrong is in fields, never in a text that somebody has to match.

`http.problem` alone turns them into a status, a code and a sentence. Whether work is tried again follows from the type:
`Transient` is, everything else is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


class RuntimeCloudError(Exception):
    """Base of everything this platform raises on purpose."""


class Transient(RuntimeCloudError):
    """A dependency could not be asked; nothing is known about the request itself. 503 `DependencyUnavailable`."""

    def __init__(self, dependency: str, *, retry_after: float = 1.0) -> None:
        super().__init__(dependency, retry_after)
        self.dependency = dependency
        self.retry_after = retry_after  # seconds


class Refused(RuntimeCloudError):
    """A dependency understood the request and said no for good (a rejected resource body, an unknown image)."""

    def __init__(self, dependency: str, code: str, message: str = "") -> None:
        super().__init__(dependency, code, message)
        self.dependency = dependency
        self.code = code
        self.message = message


class MalformedRequest(RuntimeCloudError):
    """What the caller sent cannot be read as a request of this route. `errors`: path of the field -> what is wrong."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(errors)
        self.errors = {path: list(texts) for path, texts in errors.items()}


class ValidationFailed(RuntimeCloudError):
    """Well-formed, but its values are not acceptable. `errors` as in `MalformedRequest`."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(errors)
        self.errors = {path: list(texts) for path, texts in errors.items()}


class BodyTooLarge(RuntimeCloudError):
    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit  # bytes


class UnsupportedMediaType(RuntimeCloudError):
    pass


class InvalidToken(RuntimeCloudError):
    """401. `given` is False when no token was sent at all: RFC 6750 §3.1 wants no error code then."""

    def __init__(self, reason: str, *, given: bool = True) -> None:
        super().__init__(reason, given)
        self.reason = reason  # for the log and the metric, never for the caller
        self.given = given


class InsufficientScope(RuntimeCloudError):
    def __init__(self, needed: str) -> None:
        super().__init__(needed)
        self.needed = needed


class TenantMismatch(RuntimeCloudError):
    """The body names another tenant than the token."""


class TenantSuspended(RuntimeCloudError):
    """The environment's RuntimeTenantBinding is not Active."""


class PolicyDenied(RuntimeCloudError):
    """The policy point said no. With `obligations.approval` the answer is `PolicyApprovalRequired`."""

    def __init__(self, decision_id: str | None, reasons: Sequence[str], obligations: Mapping[str, Any]) -> None:
        super().__init__(decision_id, reasons, obligations)
        self.decision_id = decision_id
        self.reasons = list(reasons)
        self.obligations = dict(obligations)


class NotFound(RuntimeCloudError):
    """Unknown, or another tenant's: one error, so that the two cannot be told apart."""

    def __init__(self, kind: str, ident: str) -> None:
        super().__init__(kind, ident)
        self.kind = kind
        self.ident = ident


class UnsupportedApiVersion(RuntimeCloudError):
    def __init__(self, version: str, supported: Sequence[str]) -> None:
        super().__init__(version, supported)
        self.version = version
        self.supported = list(supported)


class MethodNotAllowed(RuntimeCloudError):
    def __init__(self, allow: Sequence[str]) -> None:
        super().__init__(allow)
        self.allow = list(allow)


class TransitionRefused(RuntimeCloudError):
    """The resource is in a status from which the transition may not lead to the target."""

    def __init__(self, transition: str, current: str | None, target: str) -> None:
        super().__init__(transition, current, target)
        self.transition = transition
        self.current = current
        self.target = target


class EnvironmentNotReady(RuntimeCloudError):
    def __init__(self, environment_id: str, status: str) -> None:
        super().__init__(environment_id, status)
        self.environment_id = environment_id
        self.status = status


class OperationInFlight(RuntimeCloudError):
    """The environment's one slot is taken. Carries what the caller needs to wait well."""

    def __init__(self, operation_id: str, must_settle_by: datetime) -> None:
        super().__init__(operation_id, must_settle_by)
        self.operation_id = operation_id
        self.must_settle_by = must_settle_by


class NameTaken(RuntimeCloudError):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NoStableSnapshot(RuntimeCloudError):
    """There is nothing to roll back to."""


class OnHold(RuntimeCloudError):
    """An automatic rollback put the environment on hold; a person decides what comes next."""


class IsolationBreach(RuntimeCloudError):
    """The isolation probe reached another tenant's, several times in a row: nothing new goes to production."""


class AttemptsExhausted(RuntimeCloudError):
    """What is asked for was tried as often as it may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class NotCancellable(RuntimeCloudError):
    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class NotRetryable(RuntimeCloudError):
    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class NotPaused(RuntimeCloudError):
    """Nobody is waiting for a person there."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class PreconditionFailed(RuntimeCloudError):
    """`If-Match` names a state that is no longer the current one."""


class ConcurrentChange(RuntimeCloudError):
    """Lost the race for the same row on every try. 412 when the caller named a state, else 409."""


class TargetNotEnabled(RuntimeCloudError):
    def __init__(self, target: str, path: str) -> None:
        super().__init__(target, path)
        self.target = target
        self.path = path


class IdempotencyKeyReused(RuntimeCloudError):
    """The key was used for another request; answering with that one's result would be a lie."""

    def __init__(self, resource_id: str) -> None:
        super().__init__(resource_id)
        self.resource_id = resource_id


class TooManyRequests(RuntimeCloudError):
    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Superseded(RuntimeCloudError):
    """A newer attempt holds the operation: whoever gets this stops without another effect."""

    def __init__(self, operation_id: str, attempt: int) -> None:
        super().__init__(operation_id, attempt)
        self.operation_id = operation_id
        self.attempt = attempt


class Unreadable(RuntimeCloudError):
    """A stored row that no version of its record type can read: quarantined, one row, with an alert."""

    def __init__(self, partition: str, key: str) -> None:
        super().__init__(partition, key)
        self.partition = partition
        self.key = key
