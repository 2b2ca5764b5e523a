"""Azure Resource Manager as this platform needs it: resources as JSON documents, by id and API version.

Writes wait for the long-running operation they begin, unless told otherwise. An absent resource is None to `get` and
success to `delete`. Raises `Transient("arm")` when ARM cannot be asked now and `Refused("arm", code, message)` when it
says no, an operation that failed after it was accepted included. Errors carry ARM's own code and a bounded message; no
request is repeated here but reads that got no answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from shared.azure.credentials import CredentialFactory
from shared.azure.failures import asking, judged
from shared.azure.pace import Pace
from shared.kernel.errors import Refused

if TYPE_CHECKING:
    from shared.azure.arm_pipeline import Client, Response

ARM_URL: Final = "https://management.azure.com"
OPERATION_SECONDS = 1800.0  # the longest that a long-running operation is waited for
_MOST_PAGES = 1000

Json = dict[str, Any]


class Arm:
    """One connection pool, made with the first call, on its event loop. `transport`: see `arm_pipeline.connect`."""

    def __init__(
        self, credential: CredentialFactory, *, base_url: str = ARM_URL, transport: Any = None, pace: Pace | None = None
    ) -> None:
        self._credential = credential
        self._base_url = base_url.rstrip("/")
        self._transport = transport
        self._pace = pace or Pace()
        self._client: Client | None = None

    async def get(self, resource_id: str, api_version: str) -> Json | None:
        response = await self._ask("GET", resource_id, api_version)
        return None if response.http_response.status_code == 404 else _document(self._accepted(response))

    async def list(self, path: str, api_version: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """Every item of a collection, all pages. An absent collection (its group is gone) is empty."""
        items: list[Json] = []
        response = await self._ask("GET", path, api_version, query=query)
        if response.http_response.status_code == 404:
            return items
        for _ in range(_MOST_PAGES):
            page = _document(self._accepted(response))
            items += page.get("value", [])
            link = page.get("nextLink")
            if not link:
                return items
            response = await self._send("GET", self._ours(link))
        raise Refused("arm", "EndlessList", path)

    async def put(self, resource_id: str, api_version: str, body: Json) -> Json:
        """The resource as it is once the operation has ended."""
        return await self._write("PUT", resource_id, api_version, body)

    async def put_no_wait(self, resource_id: str, api_version: str, body: Json) -> Json:
        """The resource as ARM accepted it; whether the operation succeeds shows in its `provisioningState`."""
        return _document(self._accepted(await self._ask("PUT", resource_id, api_version, body)))

    async def patch(self, resource_id: str, api_version: str, body: Json) -> Json:
        return await self._write("PATCH", resource_id, api_version, body)

    async def post(self, path: str, api_version: str, body: Json | None = None) -> Json:
        """An action on a resource; {} when it answers nothing."""
        return await self._write("POST", path, api_version, body)

    async def delete(self, resource_id: str, api_version: str) -> None:
        response = await self._ask("DELETE", resource_id, api_version)
        if response.http_response.status_code != 404:
            await self._finish(self._accepted(response))

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _write(self, method: str, path: str, api_version: str, body: Json | None) -> Json:
        return _document(await self._finish(self._accepted(await self._ask(method, path, api_version, body))))

    async def _ask(
        self, method: str, path: str, api_version: str, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> Response:
        # A name may hold what would end the path (`?`, `#`) or climb out of it.
        url = f"{self._base_url}{quote(path, safe='/-_.~()')}?{urlencode({'api-version': api_version, **(query or {})})}"
        return await self._send(method, url, body)

    async def _send(self, method: str, url: str, body: Json | None = None) -> Response:
        from azure.core.rest import HttpRequest

        from shared.azure import arm_pipeline

        with asking("arm"):
            if self._client is None:
                self._client = arm_pipeline.connect(self._base_url, self._credential(), self._pace, self._transport)
            return await arm_pipeline.send(self._client, HttpRequest(method, url, json=body))

    async def _finish(self, first: Response) -> Response | None:
        from shared.azure import arm_pipeline

        assert self._client is not None  # noqa: S101 - `first` came through it
        with asking("arm"):
            async with asyncio.timeout(OPERATION_SECONDS):
                return await arm_pipeline.finished(self._client, first)

    def _accepted(self, response: Response) -> Response:
        answer = response.http_response
        if answer.status_code < 300:
            return response
        error = _document(response).get("error") or {}
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
        raise judged("arm", answer.status_code, answer.headers, code, message)

    def _ours(self, link: str) -> str:
        """The token goes to Azure Resource Manager only, wherever an answer points."""
        if not link.startswith(f"{self._base_url}/"):
            raise Refused("arm", "ForeignNextLink", link)
        return link


def _document(response: Response | None) -> Json:
    if response is None:
        return {}
    try:
        document = json.loads(response.http_response.content or b"{}")
    except ValueError:  # an answer of something between us and ARM
        return {}
    return document if isinstance(document, dict) else {}
