"""What Azure's clients raise, as the platform's own errors.

`Transient`: the service could not be asked (no connection, no token, a time-out) or says itself that it cannot answer
now (408, 429, 5xx, a 409 because another operation is in progress). `Refused`: everything else it says no to, 501
included: what a service does not have, it will not have in a minute either.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.kernel.errors import Refused, RuntimeCloudError, Transient

MESSAGE_LENGTH = 500  # characters kept of a foreign message
_LONGEST_WAIT = 3600.0

# 409s that end by themselves. ARM: "azure-resource-manager/troubleshooting"; Container Apps: its management SDK's samples.
_PASSING_CONFLICTS = frozenset({"conflictingserveroperation", "resourcegroupbeingdeleted", "anotheroperationinprogress"})
# Many codes say nothing by themselves (Conflict, MessagingGatewayConflict, AKS's OperationNotAllowed); the message does.
# The operation it tells of may be our own, whose answer was lost.
_UNDER_WAY = re.compile(r"another (conflicting )?operation\b.* in progress", re.IGNORECASE)


def judged(dependency: str, status: int, headers: Mapping[str, str], code: str, message: str) -> RuntimeCloudError:
    """The error for an answer of `status`; `code` and `message` are the service's own."""
    if _passes(status, code, message):
        return Transient(dependency, retry_after=retry_after(headers) or 1.0)
    return Refused(dependency, code or str(status), message[:MESSAGE_LENGTH])


def _passes(status: int, code: str, message: str) -> bool:
    if status == 409:
        passes = code.lower().endswith("inprogress") or code.lower() in _PASSING_CONFLICTS
        return passes or _UNDER_WAY.search(message) is not None
    return status in (408, 429) or (status >= 500 and status != 501)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as an answer asks for (RFC 9110 §10.2.3, and ARM's header in milliseconds); None: it does not say."""
    given = {name.lower(): value for name, value in headers.items()}
    try:
        if milliseconds := given.get("x-ms-retry-after-ms"):
            return min(float(milliseconds) / 1000, _LONGEST_WAIT)
        if seconds := given.get("retry-after"):
            return min(_seconds(seconds), _LONGEST_WAIT)
    except (ValueError, TypeError):  # not a number and not a date: as if it had said nothing
        return None
    return None


def _seconds(value: str) -> float:
    if value.strip().isdigit():
        return float(value)
    return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())


@contextlib.contextmanager
def asking(dependency: str) -> Iterator[None]:
    """Around a call of an SDK client: whatever it raises comes out as `Transient` or `Refused`."""
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        yield
    except HttpResponseError as raised:
        raise _of_response(dependency, raised) from raised
    except (AzureError, TimeoutError, OSError) as raised:
        raise Transient(dependency) from raised


def _of_response(dependency: str, raised: object) -> RuntimeCloudError:
    response, error = getattr(raised, "response", None), getattr(raised, "error", None)
    if response is None:  # no answer of the service at all: the identity endpoint is what failed
        return Transient(dependency)
    code, message = str(getattr(error, "code", "") or ""), str(getattr(error, "message", "") or "")
    return judged(dependency, int(response.status_code), dict(response.headers), code, message)
