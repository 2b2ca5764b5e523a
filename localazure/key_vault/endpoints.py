"""Key Vault's REST API for secrets; one application for every vault, told apart by the Host header.

Every request needs a bearer token that `authorised` takes; without one the answer is the challenge the SDK waits for (its
first request carries neither token nor body). Reading a disabled secret is 403; `exp` and `nbf` are advice and do not keep
anybody from reading, as in Azure. Any `api-version` is taken, but there must be one.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.key_vault.secret import HOST_SUFFIX, RECOVERABLE_DAYS, Refusal, Secret, bad_parameter, bundle
from localazure.key_vault.vaults import Vaults

AUDIENCE = "https://vault.azure.net"
_CHALLENGE = (
    f'Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", resource="{AUDIENCE}"'
)
_PAGE = 25
_BODY_LIMIT = 256 * 1024
_DAY = 86400


def any_bearer(authorization: str, audience: str) -> bool:
    """Take every bearer token."""
    return authorization.lower().startswith("bearer ") and bool(authorization[7:].strip())


def error(status: int) -> tuple[dict[str, str], bytes]:
    """A failed request in Key Vault's own shape."""
    body = {"error": {"code": "InternalServerError", "message": "There was an internal server error."}}
    return {"Content-Type": "application/json; charset=utf-8"}, json.dumps(body).encode()


def application(vaults: Vaults, authorised: Callable[[str, str], bool] = any_bearer) -> Starlette:
    """The ASGI application. `authorised(authorization header, audience)` judges tokens (`identity.Tokens.check`)."""
    api = _Secrets(vaults, authorised)
    one, gone = "/secrets/{name}", "/deletedsecrets/{name}"
    app = Starlette(
        routes=[
            api.route("/secrets", "GET", api.listed),
            api.route("/deletedsecrets", "GET", api.listed_deleted),
            api.route(f"{one}/versions", "GET", api.versions),
            api.route(f"{one}/backup", "POST", api.not_emulated),
            *(api.route(path, "PUT", api.set) for path in (one, one + "/")),
            *(api.route(path, "DELETE", api.delete) for path in (one, one + "/")),
            *(api.route(path, "GET", api.get) for path in (one, one + "/", one + "/{version}")),
            *(api.route(path, "PATCH", api.update) for path in (one, one + "/", one + "/{version}")),
            api.route(gone, "GET", api.get_deleted),
            api.route(gone, "DELETE", api.purge),
            api.route(f"{gone}/recover", "POST", api.recover),
            Route("/{rest:path}", api.guarded(api.not_emulated), methods=["GET", "PUT", "POST", "PATCH", "DELETE"]),
        ],
        exception_handlers={Refusal: _refused, HTTPException: _not_allowed},
    )
    app.router.redirect_slashes = False
    return app


Handler = Callable[[Request, str], Awaitable[Response]]


class _Secrets:
    def __init__(self, vaults: Vaults, authorised: Callable[[str, str], bool]) -> None:
        self._vaults, self._authorised = vaults, authorised

    def route(self, path: str, method: str, handler: Handler) -> Route:
        return Route(path, self.guarded(handler), methods=[method])

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """What every request must pass first: its vault exists, its token is good, it names an api-version."""

        async def guard(request: Request) -> Response:
            host = request.headers.get("host", "").partition(":")[0].lower()
            if not self._vaults.exists(host):
                raise Refusal(404, "VaultNotFound", f"There is no vault at {host}.")
            if not self._authorised(request.headers.get("authorization", ""), AUDIENCE):
                raise Refusal(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
            if not request.query_params.get("api-version"):
                raise bad_parameter("The request URI is missing the api-version parameter.")
            return await handler(request, host.removesuffix(HOST_SUFFIX))

        return guard

    async def set(self, request: Request, vault: str) -> Response:
        return JSONResponse(bundle(*self._vaults.put(vault, request.path_params["name"], await _body(request))))

    async def get(self, request: Request, vault: str) -> Response:
        secret = self._vaults.get(vault, request.path_params["name"])
        version = secret.version(request.path_params.get("version", ""))
        if not version.attributes["enabled"]:
            raise Refusal(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")
        return JSONResponse(bundle(secret, version))

    async def update(self, request: Request, vault: str) -> Response:
        name, version = request.path_params["name"], request.path_params.get("version", "")
        changed = self._vaults.update(vault, name, version, await _body(request))
        return JSONResponse(bundle(*changed, value=False))

    async def versions(self, request: Request, vault: str) -> Response:
        secret = self._vaults.get(vault, request.path_params["name"])
        return _page(request, vault, [bundle(secret, version, value=False) for version in secret.versions])

    async def listed(self, request: Request, vault: str) -> Response:
        found = self._vaults.all(vault, deleted=False)
        return _page(request, vault, [bundle(each, each.versions[-1], value=False, versioned=False) for each in found])

    async def listed_deleted(self, request: Request, vault: str) -> Response:
        found = self._vaults.all(vault, deleted=True)
        return _page(request, vault, [_tombstone(each, versioned=False) for each in found])

    async def delete(self, request: Request, vault: str) -> Response:
        return JSONResponse(_tombstone(self._vaults.remove(vault, request.path_params["name"])))

    async def get_deleted(self, request: Request, vault: str) -> Response:
        return JSONResponse(_tombstone(self._vaults.get_deleted(vault, request.path_params["name"])))

    async def recover(self, request: Request, vault: str) -> Response:
        secret = self._vaults.recover(vault, request.path_params["name"])
        return JSONResponse(bundle(secret, secret.versions[-1], value=False))

    async def purge(self, request: Request, vault: str) -> Response:
        self._vaults.purge(vault, request.path_params["name"])
        return Response(status_code=204)

    async def not_emulated(self, request: Request, _vault: str) -> Response:
        raise Refusal(501, "NotImplemented", f"{request.method} {request.url.path} is not emulated by the local Key Vault.")


def _tombstone(secret: Secret, *, versioned: bool = True) -> dict[str, Any]:
    deleted = secret.deleted or 0
    return {
        **bundle(secret, secret.versions[-1], value=False, versioned=versioned),
        "recoveryId": f"https://{secret.vault}{HOST_SUFFIX}/deletedsecrets/{secret.name}",
        "deletedDate": deleted,
        "scheduledPurgeDate": deleted + RECOVERABLE_DAYS * _DAY,
    }


def _page(request: Request, vault: str, items: list[dict[str, Any]]) -> Response:
    query = request.query_params
    try:
        size, start = int(query.get("maxresults", _PAGE)), int(query.get("$skiptoken", 0))
    except ValueError:
        raise bad_parameter("maxresults must be a number.") from None
    if not 1 <= size <= _PAGE or start < 0:
        raise bad_parameter(f"maxresults must be between 1 and {_PAGE}.")
    more = None
    if start + size < len(items):
        following = {"api-version": query["api-version"], "$skiptoken": start + size, "maxresults": size}
        more = f"https://{vault}{HOST_SUFFIX}{request.url.path}?{urlencode(following)}"
    return JSONResponse({"value": items[start : start + size], "nextLink": more})


async def _body(request: Request) -> Mapping[str, Any]:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _BODY_LIMIT:
            raise Refusal(413, "RequestEntityTooLarge", f"The request body is over {_BODY_LIMIT} bytes.")
    try:
        body = json.loads(raw)
    except ValueError:
        raise bad_parameter("The request body is not JSON.") from None
    if not isinstance(body, dict):
        raise bad_parameter("The request body is not a JSON object.")
    return body


async def _refused(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    detail: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.inner is not None:
        detail["innererror"] = {"code": refusal.inner}
    headers = {"WWW-Authenticate": _CHALLENGE} if refusal.status == 401 else None
    return JSONResponse({"error": detail}, refusal.status, headers)


async def _not_allowed(request: Request, _error: Exception) -> Response:
    message = f"The HTTP method {request.method} is not supported by {request.url.path}."
    return await _refused(request, Refusal(405, "MethodNotAllowed", message))
