"""How a call ends that does not end well: the same table of problems as REST, as gRPC statuses.

The details are the problem's own words; its code, the trace and what REST says in headers (`www-authenticate`,
`retry-after`) are trailing metadata. What the table does not know is INTERNAL with a fixed text: an exception's own text
never leaves the process.
"""

from __future__ import annotations

import logging
from typing import Any

import grpc

from shared.http.problem import problem_of
from shared.kernel.errors import RuntimeCloudError

CODE, TRACE = "cs-error-code", "cs-trace-id"

_BY_HTTP = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    412: grpc.StatusCode.ABORTED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
_BY_CODE = {"ConcurrentChange": grpc.StatusCode.ABORTED}
_UNKNOWN_METHOD = "There is no such method."
_LATE = "The answer took longer than a call may take. Try again."
_ENDING = "This server is ending. Connect again; a stream goes on from its resume token."

log = logging.getLogger(__name__)


class Ending(RuntimeCloudError):
    """The server is shutting down."""


class UnknownMethod(RuntimeCloudError):
    """The path names no method of ours."""


def told(error: BaseException) -> tuple[Any, str, list[tuple[str, str]]]:
    """Status, details and trailing metadata for `error`."""
    if isinstance(error, Ending):
        return grpc.StatusCode.UNAVAILABLE, _ENDING, [(CODE, "Ending")]
    if isinstance(error, UnknownMethod):
        return grpc.StatusCode.UNIMPLEMENTED, _UNKNOWN_METHOD, [(CODE, "UnknownMethod")]
    if isinstance(error, TimeoutError):
        return grpc.StatusCode.DEADLINE_EXCEEDED, _LATE, [(CODE, "DeadlineExceeded")]
    found = problem_of(error)
    status = _BY_CODE.get(found.code) or _BY_HTTP.get(found.status, grpc.StatusCode.INTERNAL)
    fields = [(name.lower(), value) for name, value in found.headers(error).items()]
    return status, found.detail(error), [(CODE, found.code), *fields]


async def refuse(context: Any, error: BaseException, method: str, trace_id: str) -> None:
    """End the call. Always raises: grpc's own `AbortError`."""
    if not isinstance(error, RuntimeCloudError | TimeoutError):
        log.error("unhandled in %s, %s", method, trace_id, exc_info=error)
    status, details, trailing = told(error)
    await context.abort(status, details, (*trailing, (TRACE, trace_id)))
