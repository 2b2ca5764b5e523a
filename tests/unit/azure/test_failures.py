from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from shared.azure.failures import MESSAGE_LENGTH, asking, judged, retry_after
from shared.kernel.errors import Refused, Transient


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_passes_by_itself_is_transient(status: int) -> None:
    error = judged("arm", status, {"Retry-After": "7"}, "Busy", "")
    assert isinstance(error, Transient)
    assert (error.dependency, error.retry_after) == ("arm", 7.0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 412, 422, 501])
def test_every_other_no_is_for_good(status: int) -> None:
    error = judged("arm", status, {}, "InvalidTemplate", "because")
    assert isinstance(error, Refused)
    assert (error.code, error.message) == ("InvalidTemplate", "because")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ContainerAppOperationInProgress", Transient),
        ("ConflictingServerOperation", Transient),
        ("ResourceGroupBeingDeleted", Transient),
        ("RoleAssignmentExists", Refused),
        ("", Refused),
    ],
)
def test_a_conflict_is_transient_only_while_another_operation_runs(code: str, kind: type[Exception]) -> None:
    assert type(judged("arm", 409, {}, code, "")) is kind


def test_a_refusal_without_a_code_has_its_status_and_a_bounded_message() -> None:
    error = judged("arm", 400, {}, "", "x" * 10_000)
    assert isinstance(error, Refused)
    assert (error.code, len(error.message)) == ("400", MESSAGE_LENGTH)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12.0),
        ({"retry-after": "0"}, 0.0),
        ({"x-ms-retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "999999999"}, 3600.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_the_wait_that_an_answer_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_to_come_back_at_is_a_wait() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < (retry_after({"Retry-After": later}) or 0) <= 60


@pytest.mark.parametrize(
    "raised",
    [
        ServiceRequestError("refused"),
        CredentialUnavailableError("no endpoint"),
        ClientAuthenticationError("the identity endpoint failed"),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
def test_no_answer_at_all_is_transient(raised: Exception) -> None:
    with pytest.raises(Transient), asking("keyVault"):
        raise raised


def test_what_is_no_failure_of_the_dependency_passes() -> None:
    with pytest.raises(ZeroDivisionError), asking("keyVault"):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("Conflict", "Cannot modify 'log-1' because another operation on it is in progress."),
        ("MessagingGatewayConflict", "SubCode=40901. Another conflicting operation is in progress. Tracking id …"),
        ("OperationNotAllowed", "Operation is not allowed: Another Operation (Updating) is in progress, please wait."),
    ],
)
def test_a_conflict_passes_when_its_message_says_that_an_operation_is_in_progress(code: str, message: str) -> None:
    assert type(judged("arm", 409, {}, code, message)) is Transient
    assert type(judged("arm", 409, {}, code, "Website with given name one already exists.")) is Refused
