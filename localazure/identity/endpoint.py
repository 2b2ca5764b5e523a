"""The App Service and Functions managed identity endpoint (api-version 2019-08-01).

`GET <IDENTITY_ENDPOINT>?api-version=…&resource=…[&client_id=…]` with the `X-IDENTITY-HEADER` of the environment. The header
is what keeps other programs on the machine (and requests forged through the app) from getting tokens.
Source: Microsoft, "How to use managed identities for App Service and Azure Functions", REST endpoint reference.
"""

from __future__ import annotations

import hmac
import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.identity.tokens import Tokens

PATH = "/msi/token"
API_VERSION = "2019-08-01"
SYSTEM_ASSIGNED = "5a1d0b3e-6f0c-4c55-9a44-1f3c1e6f0a01"  # the client id when a request names none


def application(tokens: Tokens, identity_header: str) -> Starlette:
    """The ASGI application; `identity_header` is the value of IDENTITY_HEADER in the clients' environment."""

    async def token(request: Request) -> Response:
        given = request.headers.get("x-identity-header", "")
        if not hmac.compare_digest(given.encode(), identity_header.encode()):
            return _refused(401, "The X-IDENTITY-HEADER is missing or wrong.")
        if request.query_params.get("api-version") != API_VERSION:
            return _refused(400, f"The api-version must be {API_VERSION}.")
        resource = request.query_params.get("resource")
        if not resource:
            return _refused(400, "The query parameter 'resource' is missing.")
        client_id = request.query_params.get("client_id") or SYSTEM_ASSIGNED
        issued = tokens.issue(resource, client_id)
        return JSONResponse(
            {
                "access_token": issued.text,
                "expires_on": str(issued.expires_on),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": client_id,
            },
            headers={"Cache-Control": "no-store"},
        )

    return Starlette(routes=[Route(PATH, token)], exception_handlers={404: _not_emulated, 405: _not_emulated})


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"statusCode": status, "message": message}, status)


async def _not_emulated(request: Request, _error: Exception) -> Response:
    return _refused(501, f"{request.method} {request.url.path} is not emulated.")


def error(status: int) -> tuple[dict[str, str], bytes]:
    """A failed request in the endpoint's own shape."""
    body = {"statusCode": status, "message": "An error occurred while the token was requested."}
    return {"Content-Type": "application/json"}, json.dumps(body).encode()
