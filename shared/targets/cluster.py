"""One Kubernetes API server through lightkube: objects as JSON documents, tokens of the managed identity.

One client for as long as the process lives; each request is signed with the token that is good then. Proxies named in
the environment are not used: a cluster is addressed directly. Loaded with the first use of `aks`.

Raises `Transient("kubernetes")` when the server cannot be asked (no connection, time-out, 429, 5xx but 501),
`Moved` for a write from an older version of the object, `Refused("kubernetes", reason)` for every other no.
"""

from __future__ import annotations

import base64
import contextlib
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2
import msgspec
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.config.models import Cluster as Server
from lightkube.config.models import User
from lightkube.core.resource import Resource
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod, Service
from lightkube.types import PatchType

from shared.azure.credentials import CredentialFactory
from shared.azure.failures import MESSAGE_LENGTH, asking, retry_after
from shared.kernel.errors import Refused, RuntimeCloudError, Transient
from shared.targets.aks_holding import OURS

Json = dict[str, Any]

# The application that AKS clusters accept tokens of Microsoft Entra for, the same in every tenant.
SCOPE: Final = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
MANAGER: Final = OURS
_MARGIN = 300  # seconds before its end at which a token is replaced
_PAGE = 500
_TIMEOUT = httpx2.Timeout(15.0, connect=5.0)

_KINDS: Mapping[str, Any] = {
    "Namespace": Namespace,
    "Deployment": Deployment,
    "ReplicaSet": ReplicaSet,
    "Pod": Pod,
    "Service": Service,
    "ConfigMap": ConfigMap,
    "HorizontalPodAutoscaler": HorizontalPodAutoscaler,
    "SecretProviderClass": create_namespaced_resource(
        "secrets-store.csi.x-k8s.io", "v1", "SecretProviderClass", "secretproviderclasses"
    ),
}


class Moved(RuntimeCloudError):
    """The object was changed or made by somebody else since it was read."""


class Signed(httpx2.AsyncBaseTransport):
    """Puts the identity's token on every request, replaced in time."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, credential: CredentialFactory) -> None:
        self._inner = inner
        self._credential = credential
        self._token = ""
        self._expires = 0.0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises `Transient` when the identity's endpoint gives no token."""
        if time.time() > self._expires - _MARGIN:
            with asking("kubernetes"):
                given = await self._credential().get_token(SCOPE)
            self._token, self._expires = given.token, float(given.expires_on)
        request.headers["Authorization"] = f"Bearer {self._token}"
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Cluster:
    """`server` is the API server's URL, `authority` its CA certificate as base64 of PEM ("" = the system's trust)."""

    def __init__(self, server: str, authority: str, credential: CredentialFactory) -> None:
        trust = ssl.create_default_context(cadata=base64.b64decode(authority).decode() if authority else None)
        transport = Signed(httpx2.AsyncHTTPTransport(verify=trust), credential)
        config = KubeConfig.from_one(cluster=Server(server=server), user=User())
        self._client = AsyncClient(config=config, timeout=_TIMEOUT, transport=transport)

    async def get(self, kind: str, name: str, namespace: str) -> Json | None:
        try:
            with _talking():
                return _json(await self._client.get(_KINDS[kind], name, namespace=namespace))
        except Refused as refused:
            if refused.code == "NotFound":
                return None
            raise

    async def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> list[Json]:
        """All of a kind that carry the labels, page by page."""
        chosen: Any = dict(labels)
        with _talking():
            rows = self._client.list(_KINDS[kind], namespace=namespace, labels=chosen, chunk_size=_PAGE)
            return [_json(row) async for row in rows]

    async def apply(self, body: Json, *, manager: str = MANAGER) -> Json:
        """Server-side apply of what the body names, taking it from whoever else set it. With
        `metadata.resourceVersion` the write is from that version: raises `Moved` when it is not the standing one."""
        metadata = body["metadata"]
        place = {"namespace": metadata["namespace"]} if "namespace" in metadata else {}
        with _talking():
            applied = await self._client.patch(
                _KINDS[body["kind"]],
                metadata["name"],
                body,
                patch_type=PatchType.APPLY,
                field_manager=manager,
                force=True,
                **place,
            )
        return _json(applied)

    async def merge(self, body: Json) -> Json:
        """JSON merge patch: null removes, lists are replaced. For what others added, which an apply leaves alone."""
        metadata, kind = body["metadata"], _KINDS[body["kind"]]
        with _talking():
            changed = await self._client.patch(
                kind,
                metadata["name"],
                body,
                namespace=metadata["namespace"],
                patch_type=PatchType.MERGE,
                field_manager=MANAGER,
            )
        return _json(changed)

    async def create(self, body: Json) -> Json:
        """Raises `Moved` when there is one of the name."""
        with _talking():
            return _json(await self._client.create(_KINDS[body["kind"]].from_dict(body), field_manager=MANAGER))

    async def delete(self, kind: str, name: str, namespace: str) -> None:
        """Absent is deleted."""
        try:
            with _talking():
                await self._client.delete(_KINDS[kind], name, namespace=namespace)
        except Refused as refused:
            if refused.code != "NotFound":
                raise

    async def close(self) -> None:
        await self._client.close()


def _json(told: Resource) -> Json:
    document: Json = told.to_dict()  # type: ignore[attr-defined]
    return document


@contextlib.contextmanager
def _talking() -> Iterator[None]:
    try:
        yield
    except httpx2.HTTPStatusError as raised:
        raise _judged(raised) from raised
    except (httpx2.HTTPError, msgspec.MsgspecError, OSError, ValueError, KeyError) as raised:
        # No answer, or one that is not the API server's: lightkube reads a Content-Type and a JSON body unasked.
        raise Transient("kubernetes") from raised


def _judged(raised: httpx2.HTTPStatusError) -> RuntimeCloudError:
    status = raised.response.status_code
    reason = (raised.status.reason if isinstance(raised, ApiError) else None) or str(status)
    if status == 409:
        return Moved()
    if status in (408, 429) or (status >= 500 and status != 501):
        return Transient("kubernetes", retry_after=retry_after(raised.response.headers) or 1.0)
    return Refused("kubernetes", reason, str(raised)[:MESSAGE_LENGTH])
