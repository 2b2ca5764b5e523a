"""Container registries as far as a deployment needs them: which digest an image's tag means now.

`HEAD /v2/{name}/manifests/{reference}` (OCI distribution specification), with the token that the registry's 401 asks for:
of Azure Container Registry by exchanging our Entra token, of any other without credentials. Our token goes to the
registry that was named and to no other host, whatever a challenge says. Raises `Transient("registry")` when the registry
cannot be asked and `Refused("registry", code)` when it says no: `ImageNotFound`, `ImageAccessDenied`.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from shared.azure.credentials import CredentialFactory
from shared.azure.failures import asking, judged
from shared.kernel.errors import Refused, Transient

if TYPE_CHECKING:
    from azure.core import AsyncPipelineClient
    from azure.core.rest import AsyncHttpResponse, HttpRequest

    Client = AsyncPipelineClient[HttpRequest, AsyncHttpResponse]

SCOPE: Final = "https://containerregistry.azure.net/.default"
CONNECT_SECONDS, READ_SECONDS = 5, 10
_KEPT_SECONDS = 300.0  # of an access token; a registry gives it for an hour or so
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')
_MANIFESTS: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


@dataclass(frozen=True)
class Reference:
    """`host/name:tag`, `host/name@digest` or both: then the digest is what counts."""

    host: str
    name: str
    reference: str  # a tag or a digest

    @classmethod
    def of(cls, image: str) -> Reference:
        named, _, digest = image.partition("@")
        host, _, path = named.partition("/")
        folder, slash, last = path.rpartition("/")
        name, _, tag = last.partition(":")
        return cls(host, f"{folder}{slash}{name}", digest or tag)


class Registries:
    """One connection pool, made with the first call, on its event loop. `transport` replaces azure-core's (tests: another
    trust store)."""

    def __init__(self, credential: CredentialFactory, *, transport: Any = None) -> None:
        self._credential = credential
        self._transport = transport
        self._client: Client | None = None
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}  # (host, name) → access token and its end for us

    async def resolve(self, image: str) -> str:
        """The digest (`sha256:…`) of an image that exists."""
        wanted = Reference.of(image)
        url = f"https://{wanted.host}/v2/{wanted.name}/manifests/{wanted.reference}"
        answer = await self._ask("HEAD", url, {"Accept": _MANIFESTS, **self._kept(wanted)})
        if answer.status_code == 401:
            token = await self._token(wanted, answer.headers.get("WWW-Authenticate", ""))
            self._tokens[wanted.host, wanted.name] = (token, time.monotonic() + _KEPT_SECONDS)
            answer = await self._ask("HEAD", url, {"Accept": _MANIFESTS, **self._kept(wanted)})
        if answer.status_code >= 300:
            raise _refusal(answer, image)
        digest = answer.headers.get("Docker-Content-Digest", "")
        if not _DIGEST.fullmatch(digest):
            raise Refused("registry", "DigestMissing", image)
        return str(digest)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _kept(self, wanted: Reference) -> dict[str, str]:
        token, ends = self._tokens.get((wanted.host, wanted.name), ("", 0.0))
        return {"Authorization": f"Bearer {token}"} if time.monotonic() < ends else {}

    async def _token(self, wanted: Reference, challenge: str) -> str:
        asked = dict(_PARAMETER.findall(challenge))
        scope = asked.get("scope") or f"repository:{wanted.name}:pull"
        if wanted.host.endswith(".azurecr.io"):
            return await self._exchanged(wanted.host, scope)
        realm = asked.get("realm", "")
        if urlsplit(realm).scheme != "https":
            raise Refused("registry", "ImageAccessDenied", wanted.host)
        query = urlencode({"service": asked.get("service", ""), "scope": scope})
        document = await self._document("GET", f"{realm}?{query}")
        return str(document.get("token") or document.get("access_token") or "")

    async def _exchanged(self, host: str, scope: str) -> str:
        """Entra's token for the registry's refresh token, that one for an access token: Azure Container Registry."""
        with asking("registry"):
            entra = (await self._credential().get_token(SCOPE)).token
        first = {"grant_type": "access_token", "service": host, "access_token": entra}
        refresh = (await self._document("POST", f"https://{host}/oauth2/exchange", first)).get("refresh_token", "")
        second = {"grant_type": "refresh_token", "service": host, "scope": scope, "refresh_token": refresh}
        return str((await self._document("POST", f"https://{host}/oauth2/token", second)).get("access_token", ""))

    async def _document(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self._ask(method, url, {"Accept": "application/json"}, form)
        if answer.status_code >= 300:
            raise _refusal(answer, urlsplit(url).netloc)
        try:
            document = json.loads(answer.content)
        except ValueError:
            raise Transient("registry") from None  # an answer of something between us and the registry
        return document if isinstance(document, dict) else {}

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None = None
    ) -> AsyncHttpResponse:
        from azure.core.rest import HttpRequest

        with asking("registry"):
            if self._client is None:
                self._client = _connect(self._transport)
            return await self._client.send_request(HttpRequest(method, url, headers=headers, data=form))


def _connect(transport: Any) -> Client:
    """No policy that follows redirects or repeats: what a registry says is what it said."""
    from azure.core import AsyncPipelineClient
    from azure.core.pipeline.policies import HeadersPolicy, UserAgentPolicy
    from azure.core.pipeline.transport import AioHttpTransport

    chosen = transport or AioHttpTransport(connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
    policies = [HeadersPolicy(), UserAgentPolicy(base_user_agent="runtime-cloud-platform")]
    return AsyncPipelineClient("", policies=policies, transport=chosen)


def _refusal(answer: AsyncHttpResponse, image: str) -> Exception:
    codes = {401: "ImageAccessDenied", 403: "ImageAccessDenied", 404: "ImageNotFound"}
    return judged("registry", answer.status_code, answer.headers, codes.get(answer.status_code, ""), image)
