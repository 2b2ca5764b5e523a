"""Every error type has its status and code, and no answer says more than it should."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.access.governance import ReceiptRefused
from shared.http.message import Response
from shared.http.problem import problem, problem_of
from shared.http.problem_table import TABLE
from shared.kernel import errors
from shared.store.port import Conflict, TooLarge

PATH, TRACE = "/v1/runtime/environments/env-1", "trace-" + "1" * 32
NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
REALM = 'Bearer realm="runtime"'

EXPECTED: list[tuple[BaseException, int, str]] = [
    (errors.MalformedRequest({"": ["x"]}), 400, "MalformedRequest"),
    (errors.InvalidToken("exp"), 401, "InvalidToken"),
    (errors.InsufficientScope("runtime.drift.read"), 403, "InsufficientScope"),
    (errors.TenantMismatch(), 403, "TenantMismatch"),
    (errors.TenantSuspended(), 403, "TenantSuspended"),
    (errors.PolicyDenied("d-1", ["no"], {}), 403, "PolicyDenied"),
    (errors.PolicyDenied("d-1", ["no"], {"approval": "cab"}), 403, "PolicyApprovalRequired"),
    (ReceiptRefused("Expired", "d-1"), 403, "PolicyDenied"),
    (errors.NotFound("environment", "env-1"), 404, "NotFound"),
    (errors.UnsupportedApiVersion("v2", ["v1"]), 404, "UnsupportedApiVersion"),
    (errors.MethodNotAllowed(["GET", "HEAD"]), 405, "MethodNotAllowed"),
    (errors.EnvironmentNotReady("env-1", "Provisioning"), 409, "EnvironmentNotReady"),
    (errors.TransitionRefused("retry", None, "Provisioning"), 409, "TransitionRefused"),
    (errors.OperationInFlight("op-1", NOON), 409, "OperationInFlight"),
    (errors.NameTaken("booking"), 409, "NameTaken"),
    (errors.NoStableSnapshot(), 409, "NoStableSnapshot"),
    (errors.OnHold(), 409, "OnHold"),
    (errors.NotCancellable("Succeeded"), 409, "NotCancellable"),
    (errors.NotRetryable("Running"), 409, "NotRetryable"),
    (errors.NotPaused("InProgress"), 409, "NotPaused"),
    (errors.IsolationBreach(), 409, "IsolationBreach"),
    (errors.AttemptsExhausted(3), 409, "AttemptsExhausted"),
    (errors.ConcurrentChange(), 409, "ConcurrentChange"),
    (errors.Superseded("op-1", 2), 409, "ConcurrentChange"),
    (Conflict("secret-row-key"), 409, "ConcurrentChange"),
    (errors.PreconditionFailed(), 412, "PreconditionFailed"),
    (errors.BodyTooLarge(262144), 413, "BodyTooLarge"),
    (errors.UnsupportedMediaType(), 415, "UnsupportedMediaType"),
    (errors.ValidationFailed({"a": ["x"]}), 422, "ValidationFailed"),
    (errors.Refused("arm", "ForeignCode", "foreign text"), 422, "ValidationFailed"),
    (TooLarge("document", 1, 1), 422, "ValidationFailed"),
    (errors.TargetNotEnabled("functions", "components[0].target"), 422, "TargetNotEnabled"),
    (errors.IdempotencyKeyReused("own"), 422, "IdempotencyKeyReused"),
    (errors.TooManyRequests(2.1), 429, "TooManyRequests"),
    (errors.Unreadable("partition", "key"), 500, "InternalError"),
    (errors.RuntimeCloudError("secret"), 500, "InternalError"),
    (RuntimeError("secret"), 500, "InternalError"),
    (errors.Transient("tables"), 503, "DependencyUnavailable"),
]
MEMBERS = {"type", "title", "status", "detail", "instance", "code", "traceId"}


def document(response: Response) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(response.body)
    return loaded


@pytest.mark.parametrize(("error", "status", "code"), EXPECTED, ids=lambda value: type(value).__name__)
def test_each_error_has_its_status_code_and_full_document(error: BaseException, status: int, code: str) -> None:
    response = problem(error, PATH, TRACE)
    told = document(response)
    assert (response.status, told["status"], told["code"]) == (status, status, code)
    assert set(told) >= MEMBERS
    assert (told["instance"], told["traceId"]) == (PATH, TRACE)
    assert told["type"] == f"https://docs.connectsoft.ai/problems/{code}"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["cs-schema-version"] == "1.0"
    assert response.headers["Cache-Control"] == "no-store"
    for hidden in ("secret", "foreign", "ForeignCode", "partition"):
        assert hidden not in response.body.decode()


def test_no_error_type_of_the_kernel_is_forgotten() -> None:
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.RuntimeCloudError)}
    assert kinds <= set(TABLE)
    assert {type(error) for error, _, _ in EXPECTED} >= kinds


def test_a_subclass_is_answered_like_its_parent() -> None:
    class TableDown(errors.Transient):
        pass

    assert problem(TableDown("tables"), PATH, TRACE).status == 503


def test_a_lost_race_is_a_failed_precondition_when_the_caller_named_a_state() -> None:
    for error in (errors.ConcurrentChange(), Conflict("env")):
        assert problem(error, PATH, TRACE, preconditioned=True).status == 412
    assert problem(errors.OnHold(), PATH, TRACE, preconditioned=True).status == 409


def test_unknown_and_foreign_ids_are_answered_byte_for_byte_alike() -> None:
    answers = {
        problem(errors.NotFound(kind, ident), PATH, TRACE).body
        for kind, ident in [("environment", "env-1"), ("deployment", "dep-2"), ("path", "/x")]
    }
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("error", "challenge"),
    [
        (errors.InvalidToken("none", given=False), REALM),
        (
            errors.InsufficientScope("runtime.drift.read"),
            f'{REALM}, error="insufficient_scope", scope="runtime.drift.read"',
        ),
        (errors.TenantMismatch(), REALM),
        (errors.TenantSuspended(), REALM),
        (errors.PolicyDenied(None, [], {}), REALM),
        (errors.PolicyDenied(None, [], {"approval": 1}), REALM),
        (ReceiptRefused("Foreign", None), REALM),
    ],
)
def test_401_and_403_carry_a_challenge(error: BaseException, challenge: str) -> None:
    assert problem(error, PATH, TRACE).headers["WWW-Authenticate"] == challenge


def test_a_token_that_was_given_is_called_invalid_and_nothing_more() -> None:
    response = problem(errors.InvalidToken("exp"), PATH, TRACE)
    assert response.headers["WWW-Authenticate"].startswith(f'{REALM}, error="invalid_token", error_description="')
    assert b'exp"' not in response.body


def test_405_says_what_is_allowed() -> None:
    assert problem(errors.MethodNotAllowed(["GET", "HEAD"]), PATH, TRACE).headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1, "1"), (1.01, "2"), (30, "30")])
def test_retry_after_is_whole_seconds_and_never_zero(seconds: float, header: str) -> None:
    for error in (errors.TooManyRequests(seconds), errors.Transient("policy", retry_after=seconds)):
        assert problem(error, PATH, TRACE).headers["Retry-After"] == header


def test_the_slots_holder_can_be_followed() -> None:
    told = document(problem(errors.OperationInFlight("op-1", NOON), PATH, TRACE))
    assert (told["operationId"], told["mustSettleBy"]) == ("op-1", "2026-06-11T12:00:00Z")


def test_a_denial_carries_the_decision() -> None:
    told = document(problem(errors.PolicyDenied("d-1", ["not silo"], {"approval": "cab"}), PATH, TRACE))
    assert (told["decisionId"], told["reasons"], told["obligations"]) == ("d-1", ["not silo"], {"approval": "cab"})
    assert "decisionId" not in document(problem(errors.PolicyDenied(None, [], {}), PATH, TRACE))


def test_errors_are_by_field() -> None:
    told = document(problem(errors.ValidationFailed({"components[0].image": ["has no tag"]}), PATH, TRACE))
    assert told["errors"] == {"components[0].image": ["has no tag"]}
    told = document(problem(errors.TargetNotEnabled("functions", "components[0].target"), PATH, TRACE))
    assert list(told["errors"]) == ["components[0].target"]


def test_the_supported_versions_are_named() -> None:
    told = document(problem(errors.UnsupportedApiVersion("v" + "9" * 9000, ["v1"]), PATH, TRACE))
    assert told["supportedVersions"] == ["v1"]
    assert "v1" in told["detail"]
    assert len(json.dumps(told)) < 1000


def test_what_callers_wrote_is_repeated_short_and_printable_or_not_at_all() -> None:
    response = problem(errors.NameTaken("x\u202e\n" + "y" * 9000), "/" + "z" * 9000 + "\ud800", TRACE)
    told = document(response)
    assert len(told["detail"]) < 200
    assert told["detail"].isprintable()
    assert len(told["instance"]) <= 1025


def test_grpc_reads_the_same_row() -> None:
    assert (problem_of(errors.OnHold()).status, problem_of(errors.OnHold()).code) == (409, "OnHold")
