"""The answer to an error: RFC 9457 problem+json, from the row that `problem_table` has for its type."""

from __future__ import annotations

import json

from shared.http import headers
from shared.http.message import Response
from shared.http.problem_table import APPROVAL_REQUIRED, TABLE, UNKNOWN, Problem, shown
from shared.kernel import errors
from shared.store.port import Conflict

TYPES = "https://docs.connectsoft.ai/problems/"
MAX_INSTANCE = 1024  # characters
APPROVAL = "approval"


def problem(error: BaseException, request_path: str, trace_id: str, *, preconditioned: bool = False) -> Response:
    """The RFC 9457 answer to `error`.

    `preconditioned`: the request named a state with `If-Match`, so that a lost race is 412 and not 409.
    """
    found = problem_of(error, preconditioned=preconditioned)
    document = {
        "type": TYPES + found.code,
        "title": found.title,
        "status": found.status,
        "detail": found.detail(error),
        "instance": shown(request_path, MAX_INSTANCE),
        "code": found.code,
        "traceId": trace_id,
        **found.members(error),
    }
    common = headers.standard() | {headers.CONTENT_TYPE: headers.PROBLEM_JSON}
    return Response(found.status, common | dict(found.headers(error)), json.dumps(document).encode())


def problem_of(error: BaseException, *, preconditioned: bool = False) -> Problem:
    """The row for `error`: gRPC and the dry run use its code without the rest."""
    if preconditioned and isinstance(error, errors.ConcurrentChange | Conflict):
        return TABLE[errors.PreconditionFailed]
    if isinstance(error, errors.PolicyDenied) and error.obligations.get(APPROVAL):
        return APPROVAL_REQUIRED
    return next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), UNKNOWN)
