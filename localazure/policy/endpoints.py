"""Open Policy Agent's data API for one document: `POST /v1/data/runtime/governance/decision`.

As OPA does: `input` is optional in form, a document that no rule defines answers 200 without `result`, a body that is
not JSON is 400 `invalid_parameter`. Not emulated: policies, queries, bundles, compile (501 in OPA's error shape).
"""

from __future__ import annotations

import json
import logging
import uuid

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.policy.engine import Policy, Undecided
from localazure.policy.override import Overrides

DECISION_PATH = "/v1/data/runtime/governance/decision"
_BODY_LIMIT = 4 * 1024 * 1024
_log = logging.getLogger(__name__)


def application(policy: Policy, overrides: Overrides) -> Starlette:
    """The ASGI application; an override that holds is answered before the rules are asked."""

    async def decide(request: Request) -> Response:
        try:
            document = json.loads(await _body(request))
            question = document["input"]
        except (ValueError, TypeError, KeyError):
            return _refused(400, "invalid_parameter", "the body must be a JSON object with an `input`")
        try:
            decision = overrides.current() or policy.decide(question)
        except Undecided as undecided:
            _log.error("no decision: %s", undecided)
            return _refused(500, "internal_error", "the policy is undefined for this input")
        return JSONResponse({"result": decision.document(), "decision_id": str(uuid.uuid4())})

    async def undefined(_request: Request) -> Response:
        return JSONResponse({"decision_id": str(uuid.uuid4())})

    async def health(_request: Request) -> Response:
        return JSONResponse({})

    return Starlette(
        routes=[
            Route(DECISION_PATH, decide, methods=["POST"]),
            Route("/v1/data/{path:path}", undefined, methods=["POST"]),
            Route("/health", health),
        ],
        exception_handlers={404: _not_emulated, 405: _not_emulated},
    )


def error(status: int) -> tuple[dict[str, str], bytes]:
    """A failed request in OPA's own shape."""
    body = {"code": "internal_error", "message": f"error(s) occurred while evaluating the policy ({status})"}
    return {"Content-Type": "application/json"}, json.dumps(body).encode()


async def _body(request: Request) -> bytes:
    body = await request.body()
    if len(body) > _BODY_LIMIT:
        raise ValueError("too large")
    return body


async def _not_emulated(request: Request, _error: Exception) -> Response:
    return _refused(501, "not_implemented", f"{request.method} {request.url.path} is not emulated")


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status)
