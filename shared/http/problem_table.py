"""One table from error types to status, code and words; nothing else in the platform chooses a status.

`code` and status are contract, the texts are not. A text is made of our own words and of an error's fields that the caller
may see, cut to size: never an exception's text, a stack, a dependency's body or a secret. What is not in the table is a 500
that says nothing about itself (`UNKNOWN`).

`NotFound` says the same of what is absent and of what another tenant owns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.access.governance import ReceiptRefused
from shared.http import headers
from shared.kernel import errors
from shared.kernel.clock import text
from shared.store.port import Conflict, TooLarge

REALM = 'Bearer realm="runtime"'
MAX_NAME = 64


@dataclass(frozen=True)
class Problem:
    """What one error type is answered with. `detail` says what to do next; the others add members and headers."""

    status: int
    code: str
    title: str
    detail: Callable[[Any], str]
    members: Callable[[Any], Mapping[str, Any]] = lambda error: {}
    headers: Callable[[Any], Mapping[str, str]] = lambda error: {}


def shown(value: str, limit: int = MAX_NAME) -> str:
    """Text of a caller, fit to be repeated: printable and short."""
    printable = "".join(mark if mark.isprintable() else "\ufffd" for mark in value[: limit + 1])
    return printable if len(value) <= limit else printable[:limit] + "…"


def _says(words: str) -> Callable[[Any], str]:
    return lambda error: words


def _errors(error: Any) -> Mapping[str, Any]:
    return {"errors": error.errors}


def _decision(error: errors.PolicyDenied) -> Mapping[str, Any]:
    named = {} if error.decision_id is None else {"decisionId": error.decision_id}
    return {**named, "reasons": error.reasons, "obligations": error.obligations}


def _receipt(error: ReceiptRefused) -> Mapping[str, Any]:
    named = {} if error.decision_id is None else {"decisionId": error.decision_id}
    return {**named, "reasons": [f"The stored decision does not cover this: {error.reason}."], "obligations": {}}


def _challenge(error: errors.InvalidToken) -> Mapping[str, str]:
    if not error.given:
        return {headers.WWW_AUTHENTICATE: REALM}
    described = "The access token is expired, malformed, or not meant for this API"
    return {headers.WWW_AUTHENTICATE: f'{REALM}, error="invalid_token", error_description="{described}"'}


def _scope_challenge(error: errors.InsufficientScope) -> Mapping[str, str]:
    return {headers.WWW_AUTHENTICATE: f'{REALM}, error="insufficient_scope", scope="{error.needed}"'}


def _realm(_error: Any) -> Mapping[str, str]:
    return {headers.WWW_AUTHENTICATE: REALM}


def _retry_after(error: errors.Transient | errors.TooManyRequests) -> Mapping[str, str]:
    return {headers.RETRY_AFTER: headers.seconds(error.retry_after)}


def _in_flight(error: errors.OperationInFlight) -> Mapping[str, Any]:
    return {"operationId": error.operation_id, "mustSettleBy": text(error.must_settle_by)}


def _target(error: errors.TargetNotEnabled) -> Mapping[str, Any]:
    return {"errors": {error.path: ["This compute target is not enabled."]}}


UNKNOWN = Problem(
    500,
    "InternalError",
    "Internal error",
    _says("Something failed on our side. Try again; if it stays, report the traceId."),
)
APPROVAL_REQUIRED = Problem(
    403,
    "PolicyApprovalRequired",
    "Approval is required",
    _says("The policy wants an approval first. Obtain the one named in obligations, then send the request again."),
    _decision,
    _realm,
)
_LOST_RACE = Problem(
    409,
    "ConcurrentChange",
    "The resource is being changed by others",
    _says("Others changed the resource at the same time. Read it again, then repeat the request."),
)

TABLE: Mapping[type[BaseException], Problem] = {
    errors.MalformedRequest: Problem(
        400, "MalformedRequest", "Malformed request", _says("Correct what errors names, then send it again."), _errors
    ),
    errors.InvalidToken: Problem(
        401,
        "InvalidToken",
        "A valid access token is required",
        _says("Send a valid access token of the configured issuer in the Authorization header, as a bearer token."),
        headers=_challenge,
    ),
    errors.InsufficientScope: Problem(
        403,
        "InsufficientScope",
        "The access token lacks a scope",
        lambda error: f"Obtain an access token with the scope {shown(error.needed)}.",
        headers=_scope_challenge,
    ),
    errors.TenantMismatch: Problem(
        403,
        "TenantMismatch",
        "The request names another tenant",
        _says("The tenantId of the request must be the access token's."),
        headers=_realm,
    ),
    errors.TenantSuspended: Problem(
        403,
        "TenantSuspended",
        "The tenant may not act in this environment",
        _says("The environment's tenant binding is not Active. Ask for it to be activated."),
        headers=_realm,
    ),
    errors.PolicyDenied: Problem(
        403, "PolicyDenied", "Denied by policy", _says("The policy denied this; see reasons."), _decision, _realm
    ),
    ReceiptRefused: Problem(
        403,
        "PolicyDenied",
        "Denied by policy",
        _says("The stored policy decision does not cover this; see reasons. Send the request anew for a new decision."),
        _receipt,
        _realm,
    ),
    errors.NotFound: Problem(
        404, "NotFound", "Not found", _says("There is nothing here for this tenant. Check the path and the ids.")
    ),
    errors.UnsupportedApiVersion: Problem(
        404,
        "UnsupportedApiVersion",
        "Unsupported API version",
        lambda error: f"Use a supported version: {', '.join(error.supported)}.",
        lambda error: {"supportedVersions": error.supported},
    ),
    errors.MethodNotAllowed: Problem(
        405,
        "MethodNotAllowed",
        "Method not allowed",
        lambda error: f"This path answers {', '.join(error.allow)}.",
        headers=lambda error: {headers.ALLOW: ", ".join(error.allow)},
    ),
    errors.EnvironmentNotReady: Problem(
        409,
        "EnvironmentNotReady",
        "Environment is not ready",
        lambda error: f"Environment {shown(error.environment_id)} is {shown(error.status)}. Wait, or follow its operation.",
    ),
    errors.TransitionRefused: Problem(
        409,
        "TransitionRefused",
        "The resource's status does not allow this",
        lambda error: f"The resource is {shown(error.current or 'absent')}: it cannot become {shown(error.target)} now.",
    ),
    errors.OperationInFlight: Problem(
        409,
        "OperationInFlight",
        "Another operation is in flight",
        lambda error: f"Follow operation {shown(error.operation_id)}, then send the request again.",
        _in_flight,
    ),
    errors.NameTaken: Problem(
        409, "NameTaken", "The name is taken", lambda error: f"Choose another name: {shown(error.name)} is taken."
    ),
    errors.NoStableSnapshot: Problem(
        409, "NoStableSnapshot", "There is no stable snapshot", _says("Nothing was stable yet: deploy instead.")
    ),
    errors.OnHold: Problem(
        409,
        "OnHold",
        "The environment is on hold",
        _says("An automatic rollback put the environment on hold. Deploy, or release the hold, then try again."),
    ),
    errors.IsolationBreach: Problem(
        409,
        "IsolationBreach",
        "The platform's isolation is in doubt",
        _says("GET /isolation says what was reached. Wait until it is mended, or say why not in overrideIsolationBreach."),
    ),
    errors.AttemptsExhausted: Problem(
        409,
        "AttemptsExhausted",
        "It was tried often enough",
        lambda error: f"This was tried {error.limit} times. Find out why it does not last, then deploy or adopt.",
    ),
    errors.NotCancellable: Problem(
        409,
        "NotCancellable",
        "The operation cannot be cancelled",
        lambda error: f"The operation is {shown(error.status)}.",
    ),
    errors.NotRetryable: Problem(
        409, "NotRetryable", "The operation cannot be retried", lambda error: f"The operation is {shown(error.status)}."
    ),
    errors.NotPaused: Problem(
        409,
        "NotPaused",
        "Nobody waits for a person there",
        lambda error: f"The deployment is {shown(error.status)}; only one that is paused at its gate can be promoted.",
    ),
    errors.ConcurrentChange: _LOST_RACE,
    Conflict: _LOST_RACE,
    errors.Superseded: _LOST_RACE,
    errors.PreconditionFailed: Problem(
        412,
        "PreconditionFailed",
        "The resource has changed",
        _says("If-Match names a state that is no longer current. Read the resource again, then decide anew."),
    ),
    errors.BodyTooLarge: Problem(
        413, "BodyTooLarge", "The body is too large", lambda error: f"A body is at most {error.limit} bytes."
    ),
    errors.UnsupportedMediaType: Problem(
        415, "UnsupportedMediaType", "Unsupported media type", _says("Send the body as application/json, in UTF-8.")
    ),
    errors.ValidationFailed: Problem(
        422, "ValidationFailed", "Validation failed", _says("Correct what errors names, then send it again."), _errors
    ),
    errors.TargetNotEnabled: Problem(
        422,
        "TargetNotEnabled",
        "The compute target is not enabled",
        lambda error: f"Choose another compute target than {shown(error.target)}.",
        _target,
    ),
    errors.IdempotencyKeyReused: Problem(
        422,
        "IdempotencyKeyReused",
        "The idempotency key was used before",
        _says("The Idempotency-Key came with another request before. Use a new key for a new request."),
    ),
    errors.Refused: Problem(
        422,
        "ValidationFailed",
        "Validation failed",
        lambda error: (
            f"The service behind this ({shown(error.dependency)}) refuses what was asked for. Change the request."
        ),
    ),
    TooLarge: Problem(
        422,
        "ValidationFailed",
        "Validation failed",
        _says("What this would store is larger than one record may be. Make the request smaller, or split it."),
    ),
    errors.TooManyRequests: Problem(
        429, "TooManyRequests", "Too many requests", _says("Wait as Retry-After says."), headers=_retry_after
    ),
    errors.Transient: Problem(
        503,
        "DependencyUnavailable",
        "A dependency is unavailable",
        lambda error: f"{shown(error.dependency)} could not be asked; try again as Retry-After says.",
        headers=_retry_after,
    ),
    errors.Unreadable: UNKNOWN,
    errors.RuntimeCloudError: UNKNOWN,
}
