"""JSON over HTTPS to one Kubernetes API server, as its administrator: requests, and the events of a watch as they come."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from localazure.kubernetes.kinds import Kind

Json = dict[str, Any]

MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
MANAGER = "localazure"
_TIMEOUT = httpx2.Timeout(10.0, connect=5.0)
_WATCH_TIMEOUT = httpx2.Timeout(10.0, connect=5.0, read=None)
_IDLE_SECONDS = 2.0  # before a server that keeps connections for five seconds closes one that is just being used
_SAID = 500  # characters of a refusal that are repeated
_WATCH_SECONDS = 240  # after which the server ends a watch, and another begins


class Api:
    """All calls raise `httpx2.HTTPStatusError` for a refusal, another `httpx2.HTTPError` when there is no answer."""

    def __init__(self, url: str, token: str, authority: Path | None = None) -> None:
        """`authority` is what an https server is trusted by."""
        self._client = httpx2.AsyncClient(
            base_url=url,
            verify=ssl.create_default_context(cafile=str(authority)) if authority else True,
            headers={"Authorization": f"Bearer {token}", "User-Agent": MANAGER},
            timeout=_TIMEOUT,
            limits=httpx2.Limits(keepalive_expiry=_IDLE_SECONDS),
            trust_env=False,
        )

    async def ask(
        self, method: str, path: str, body: Any = None, media_type: str = "application/json", **query: str
    ) -> Json:
        """The JSON that is answered; a text as `{"text": …}`."""
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": media_type} if body is not None else {}
        answer = await self._client.request(method, path, content=content, headers=headers, params=query)
        if answer.is_error:
            said = f"{method} {path}: {answer.status_code} {answer.text[:_SAID]}"
            raise httpx2.HTTPStatusError(said, request=answer.request, response=answer)
        if answer.headers.get("content-type", "").startswith("application/json"):
            return dict(answer.json())
        return {"text": answer.text}

    async def apply(self, kind: str, body: Json) -> None:
        """Server-side apply of a cluster-wide or namespaced object; `kind` is the path of its collection."""
        path = f"{kind}/{body['metadata']['name']}"
        await self.ask("PATCH", path, body, APPLY, fieldManager=MANAGER, force="true")

    async def watch(self, kind: Kind, version: str) -> AsyncIterator[tuple[str, Json]]:
        """(type, object) of every change after a version, until the server ends the stream."""
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        async with self._client.stream("GET", collection(kind), params=query, timeout=_WATCH_TIMEOUT) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                event = json.loads(line)
                yield event["type"], event["object"]

    async def close(self) -> None:
        await self._client.aclose()


def collection(kind: Kind, namespace: str = "") -> str:
    """The path of all objects of a kind, everywhere or in one namespace."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    return f"{root}/namespaces/{namespace}/{kind.plural}" if namespace else f"{root}/{kind.plural}"


def path_of(kind: Kind, thing: Json) -> str:
    metadata = thing["metadata"]
    return f"{collection(kind, metadata.get('namespace', ''))}/{metadata['name']}"
