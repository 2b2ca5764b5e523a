"""`HEAD /v2/{name}/manifests/{reference}` for every tag, behind the token dance of Azure Container Registry.

A registry is the host that a request names. A manifest asks for a bearer token of that registry and repository: an access
token of Microsoft Entra is exchanged for a refresh token (`/oauth2/exchange`), that one for the access token
(`/oauth2/token`), as the 401 says in `WWW-Authenticate`. No registry holds a tag that begins with `missing`.

Sources: OCI distribution specification 1.1 (pull by digest or tag, error codes); distribution "token authentication"; Azure
Container Registry, "AAD-OAuth".
"""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.identity import Tokens
from localazure.workloads.images import Images

ENTRA_AUDIENCE = "https://containerregistry.azure.net"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ABSENT = "missing"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS", 501: "UNSUPPORTED"}


def error(status: int, message: str = "the registry cannot answer now") -> tuple[dict[str, str], bytes]:
    """A failed request in the registry's own shape."""
    body = {"errors": [{"code": _CODES.get(status, "UNKNOWN"), "message": message, "detail": None}]}
    return {"Content-Type": "application/json; charset=utf-8"}, json.dumps(body).encode()


def application(images: Images, tokens: Tokens) -> Starlette:
    """The ASGI application. `tokens` checks Entra's tokens, and issues the registry's own."""
    registry = _Registry(images, tokens)
    return Starlette(
        routes=[
            Route("/v2/", registry.version),
            Route("/v2/{name:path}/manifests/{reference}", registry.manifest, methods=["GET"]),  # with HEAD
            Route("/oauth2/exchange", registry.exchange, methods=["POST"]),
            Route("/oauth2/token", registry.token, methods=["POST"]),
        ],
        exception_handlers={404: _not_emulated, 405: _not_emulated},
    )


class _Registry:
    def __init__(self, images: Images, tokens: Tokens) -> None:
        self._images = images
        self._tokens = tokens

    async def version(self, request: Request) -> Response:
        if not self._tokens.check(request.headers.get("authorization", ""), _access(_host(request), "")):
            return _challenge(_host(request), "")
        return JSONResponse({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})

    async def manifest(self, request: Request) -> Response:
        host, name, reference = _host(request), request.path_params["name"], request.path_params["reference"]
        scope = f"repository:{name}:pull"
        if not self._tokens.check(request.headers.get("authorization", ""), _access(host, scope)):
            return _challenge(host, scope)
        if request.method != "HEAD":
            return _refused(501, "only HEAD of a manifest is emulated")
        if not (_DIGEST if ":" in reference else _TAG).fullmatch(reference) or reference.startswith(ABSENT):
            return _refused(404, f"manifest tagged by {reference!r} is not found")
        separator = "@" if ":" in reference else ":"
        digest = self._images.remember(f"{host}/{name}{separator}{reference}")
        return Response(headers={"Docker-Content-Digest": digest, "Content-Type": MANIFEST, "Etag": f'"{digest}"'})

    async def exchange(self, request: Request) -> Response:
        """Entra's access token for the registry's refresh token."""
        form, host = await _form(request), _host(request)
        if form.get("grant_type") != "access_token" or form.get("service") != host:
            return _refused(400, "grant_type must be access_token, and service this registry")
        if not self._tokens.accepts(form.get("access_token", ""), ENTRA_AUDIENCE):
            return _refused(401, "the access token is none of this directory for a container registry")
        return JSONResponse({"refresh_token": self._tokens.issue(_refresh(host), host).text})

    async def token(self, request: Request) -> Response:
        """The registry's refresh token for an access token of one scope."""
        form, host = await _form(request), _host(request)
        if form.get("grant_type") != "refresh_token" or form.get("service") != host:
            return _refused(400, "grant_type must be refresh_token, and service this registry")
        if not self._tokens.accepts(form.get("refresh_token", ""), _refresh(host)):
            return _refused(401, "the refresh token is none of this registry")
        return JSONResponse({"access_token": self._tokens.issue(_access(host, form.get("scope", "")), host).text})


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("ascii", "replace")))


def _host(request: Request) -> str:
    return request.headers.get("host", "").removesuffix(":443").lower()


def _refresh(host: str) -> str:
    return f"registry-refresh:{host}"


def _access(host: str, scope: str) -> str:
    return f"registry-access:{host}:{scope}"


def _challenge(host: str, scope: str) -> Response:
    asked = f',scope="{scope}"' if scope else ""
    response = _refused(401, "authentication required")
    response.headers["WWW-Authenticate"] = f'Bearer realm="https://{host}/oauth2/token",service="{host}"{asked}'
    return response


def _refused(status: int, message: str) -> Response:
    headers, body = error(status, message)
    return Response(body, status, headers)


async def _not_emulated(request: Request, _error: Exception) -> Response:
    return _refused(501, f"{request.method} {request.url.path} is not emulated")
