"""The issuer over HTTP: discovery (OpenID Connect Discovery 1.0), JWKS (RFC 7517), the grants of its token endpoint:
client credentials (RFC 6749 §4.4), a browser's code with PKCE, and refresh tokens for it.

The page of another origin may read discovery, keys and tokens, if that origin is of this machine. Not emulated: implicit
and device flows, introspection, revocation (501 with OAuth's error shape).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from urllib.parse import parse_qs, unquote_plus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.issuer.grants import Grant, Grants
from localazure.issuer.keyring import Client
from localazure.issuer.people import PAGE_CLIENT, origin_of
from localazure.issuer.sign_in import SignIn
from localazure.issuer.tokens import ALL_SCOPES, DEFAULT_TTL_SECONDS, Issuer, TokenRequest, grant

PAGE_TTL_SECONDS = 900  # of a person's token: it is renewed while the page is open
_BODY_LIMIT = 64 * 1024
_NO_STORE = {"Cache-Control": "no-store"}


class _Refused(Exception):
    """An OAuth error answer: `error`, its description, the HTTP status."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.answer = JSONResponse({"error": code, "error_description": description}, status, _NO_STORE)


def application(issuer: Issuer, grants: Grants | None = None) -> Starlette:
    """The ASGI application; reads the issuer's keyring on every request, so a rotation shows at once. `grants`: who is
    signed in already."""

    grants = grants or Grants()
    browser = SignIn(issuer.url, grants)

    async def discovery(request: Request) -> Response:
        return _readable(request, JSONResponse(_metadata(issuer.url)))

    async def jwks(request: Request) -> Response:
        return _readable(request, JSONResponse(issuer.keyring.published(), media_type="application/jwk-set+json"))

    async def token(request: Request) -> Response:
        try:
            form = await _form(request)
            if form.get("client_id") == PAGE_CLIENT:
                return _readable(request, _granted_to_page(issuer, grants, form))
            name, client = _authenticated(issuer, form, request.headers.get("authorization", ""))
            return _granted(issuer, name, client, form)
        except _Refused as refused:
            return _readable(request, refused.answer)

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/.well-known/oauth-authorization-server", discovery),
            Route("/.well-known/jwks", jwks),
            Route("/connect/authorize", browser.authorize, methods=["GET", "POST"]),
            Route("/connect/logout", browser.logout),
            Route("/connect/token", token, methods=["POST"]),
        ],
        exception_handlers={404: _not_emulated},
    )


def _readable(request: Request, answer: Response) -> Response:
    """For a page of this machine, whatever its port (CORS)."""
    origin = request.headers.get("origin", "")
    if origin and origin_of(origin) == origin:
        answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Vary"] = "Origin"
    return answer


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
        "authorization_endpoint": f"{url}/connect/authorize",
        "end_session_endpoint": f"{url}/connect/logout",
        "token_endpoint": f"{url}/connect/token",
        "grant_types_supported": ["client_credentials", "authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login"],
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": ["openid", "profile", *ALL_SCOPES],
        "claims_supported": ["iss", "aud", "sub", "client_id", "tenantId", "scope", "iat", "nbf", "exp", "jti"],
        "response_types_supported": ["code"],
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


def _granted_to_page(issuer: Issuer, grants: Grants, form: dict[str, str]) -> Response:
    """Tokens for a code or a refresh token (RFC 6749 §4.1.3, §6): access, the next refresh token, who it is."""
    kind = form.get("grant_type")
    if kind == "authorization_code":
        verifier = form.get("code_verifier", "")
        found = grants.redeem(form.get("code", ""), PAGE_CLIENT, form.get("redirect_uri", ""), verifier)
    elif kind == "refresh_token":
        found = grants.renew(form.get("refresh_token", ""), PAGE_CLIENT)
    else:
        raise _Refused("unsupported_grant_type", "This client has authorization_code and refresh_token.")
    if found is None:
        raise _Refused("invalid_grant", "It is unknown, old or used, or was given to somebody else.")
    narrowed = found.narrowed(form["scope"]) if "scope" in form else found
    if narrowed is None:
        raise _Refused("invalid_scope", "That is more than was granted.")
    person, scope = narrowed.person, narrowed.scope
    granted = grant(person.tenant_id, scope, subject=person.key, client=PAGE_CLIENT, ttl=PAGE_TTL_SECONDS)
    answer = {
        "access_token": issuer.issue(TokenRequest(claims=granted)),
        "token_type": "Bearer",
        "expires_in": PAGE_TTL_SECONDS,
        "scope": scope,
        "refresh_token": grants.remember(found),
        "id_token": _id_token(issuer, narrowed),
    }
    return JSONResponse(answer, headers=_NO_STORE)


def _id_token(issuer: Issuer, granted: Grant) -> str:
    """OpenID Connect Core §2: for the client alone, and no key to the API."""
    person = granted.person
    claims = {
        **grant(person.tenant_id, "", subject=person.key, client=PAGE_CLIENT, ttl=PAGE_TTL_SECONDS),
        "aud": PAGE_CLIENT,
        "name": person.name,
        "nonce": granted.nonce,
        "auth_time": int(time.time()),
        "scope": None,
        "client_id": None,
    }
    return issuer.issue(TokenRequest(claims=claims, header={"typ": "JWT"}))
