"""The issuer over HTTP: discovery (OpenID Connect Discovery 1.0), JWKS (RFC 7517), client credentials (RFC 6749 §4.4).

Not emulated: browser flows, refresh tokens, introspection, revocation (501 with OAuth's error shape).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from urllib.parse import parse_qs, unquote_plus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.issuer.keyring import Client
from localazure.issuer.tokens import ALL_SCOPES, DEFAULT_TTL_SECONDS, Issuer, TokenRequest, grant

_BODY_LIMIT = 64 * 1024
_NO_STORE = {"Cache-Control": "no-store"}


class _Refused(Exception):
    """An OAuth error answer: `error`, its description, the HTTP status."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.answer = JSONResponse({"error": code, "error_description": description}, status, _NO_STORE)


def application(issuer: Issuer) -> Starlette:
    """The ASGI application; reads the issuer's keyring on every request, so a rotation shows at once."""

    async def discovery(_request: Request) -> Response:
        return JSONResponse(_metadata(issuer.url))

    async def jwks(_request: Request) -> Response:
        return JSONResponse(issuer.keyring.published(), media_type="application/jwk-set+json")

    async def token(request: Request) -> Response:
        try:
            form = await _form(request)
            name, client = _authenticated(issuer, form, request.headers.get("authorization", ""))
            return _granted(issuer, name, client, form)
        except _Refused as refused:
            return refused.answer

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/.well-known/oauth-authorization-server", discovery),
            Route("/.well-known/jwks", jwks),
            Route("/connect/token", token, methods=["POST"]),
        ],
        exception_handlers={404: _not_emulated},
    )


def error(status: int) -> tuple[dict[str, str], bytes]:
    """A failed request in OAuth's own shape."""
    body = {"error": "server_error", "error_description": f"The authorization server answered {status}."}
    return {"Content-Type": "application/json", **_NO_STORE}, json.dumps(body).encode()


async def _not_emulated(request: Request, _error: Exception) -> Response:
    if not isinstance(_error, HTTPException):
        raise _error
    detail = f"{request.url.path} is not emulated by the local issuer."
    return JSONResponse({"error": "unsupported_request", "error_description": detail}, 501)


def _metadata(url: str) -> dict[str, object]:
    return {
        "issuer": url,
        "jwks_uri": f"{url}/.well-known/jwks",
        "token_endpoint": f"{url}/connect/token",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": list(ALL_SCOPES),
        "claims_supported": ["iss", "aud", "sub", "client_id", "tenantId", "scope", "iat", "nbf", "exp", "jti"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


async def _form(request: Request) -> dict[str, str]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise _Refused("invalid_request", "The body must be application/x-www-form-urlencoded.")
    body = await request.body()
    if len(body) > _BODY_LIMIT:
        raise _Refused("invalid_request", "The body is too large.", 413)
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    if any(len(values) > 1 for values in fields.values()):
        raise _Refused("invalid_request", "A parameter is given twice.")
    return {name: values[0] for name, values in fields.items()}


def _authenticated(issuer: Issuer, form: dict[str, str], authorization: str) -> tuple[str, Client]:
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    if authorization.lower().startswith("basic "):
        try:
            name, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _Refused("invalid_client", "The Authorization header is not valid.", 401) from None
        name, secret = unquote_plus(name), unquote_plus(secret)  # RFC 6749 §2.3.1
    client = issuer.keyring.clients.get(name)
    if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
        raise _Refused("invalid_client", "The client is unknown or its secret is wrong.", 401)
    return name, client


def _granted(issuer: Issuer, name: str, client: Client, form: dict[str, str]) -> Response:
    if form.get("grant_type") != "client_credentials":
        raise _Refused("unsupported_grant_type", "Only client_credentials is supported.")
    wanted = form.get("scope", "").split() or list(client.scopes)
    if beyond := sorted(set(wanted) - set(client.scopes)):
        raise _Refused("invalid_scope", f"Not granted to this client: {' '.join(beyond)}.")
    scope = " ".join(wanted)
    claims = grant(client.tenant_id, scope, subject=name, client=name, ttl=DEFAULT_TTL_SECONDS)
    token = issuer.issue(TokenRequest(claims=claims))
    answer = {"access_token": token, "token_type": "Bearer", "expires_in": DEFAULT_TTL_SECONDS, "scope": scope}
    return JSONResponse(answer, headers=_NO_STORE)
