"""ARM as azure-mgmt-core speaks to it: the official pipeline, the official poller, and the judge on every body.

Requests go to https://management.azure.com through a CONNECT proxy, as the app's do on one machine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from azure.core import AsyncPipelineClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, ProxyPolicy, RequestIdPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.polling import AsyncLROPoller
from azure.core.rest import HttpRequest
from azure.mgmt.core import AsyncARMPipelineClient
from azure.mgmt.core.polling.async_arm_polling import AsyncARMPolling

from tests.arm_models.judge import judge, type_of

ARM = "https://management.azure.com"
VERSION = "2025-01-01"


class Credential:
    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("good", int(time.time()) + 3600)

    async def close(self) -> None: ...


class Judging(SansIOHTTPPolicy):
    """Notes every offence and every request with its status."""

    def __init__(self) -> None:
        self.offences: list[str] = []
        self.traffic: list[tuple[str, str, int]] = []

    def on_request(self, request: PipelineRequest) -> None:
        http = request.http_request
        if http.content and http.method in ("PUT", "PATCH", "POST"):
            self._judge(http.url, json.loads(http.content), sent=True)

    def on_response(self, request: PipelineRequest, response: PipelineResponse) -> None:
        http = response.http_response
        self.traffic.append((http.request.method, urlsplit(http.request.url).path, http.status_code))
        if http.status_code < 300 and (text := http.text()):
            body = json.loads(text)
            for document in body["value"] if list(body) == ["value"] else [body]:
                self._judge(http.request.url, document, sent=False)

    def _judge(self, url: str, body: dict[str, Any], *, sent: bool) -> None:
        path = urlsplit(url).path
        if "/locations/" in path:
            return  # an operation is no resource
        try:
            self.offences += [f"{path}: {found}" for found in judge(type_of(path), body, request=sent)]
        except ModuleNotFoundError as missing:
            if "loganalytics" not in str(missing):  # judged where azure-mgmt-loganalytics is installed
                raise


class Client:
    """`localazure.engine.Arm` on the official SDK core."""

    def __init__(self, proxy: str, authority: str) -> None:
        self.judging = Judging()
        policies = [
            RequestIdPolicy(),  # the poller fails without it
            ProxyPolicy(proxies={"https": proxy}),
            AsyncBearerTokenCredentialPolicy(Credential(), f"{ARM}/.default"),
            self.judging,
        ]
        transport = AioHttpTransport(connection_verify=authority)
        self._client: AsyncPipelineClient = AsyncARMPipelineClient(ARM, policies=policies, transport=transport)

    async def close(self) -> None:
        await self._client.close()

    async def send(self, method: str, path: str, body: Any = None, version: str = VERSION) -> Any:
        """The pipeline's response; raises `HttpResponseError` for a refusal."""
        separator = "&" if "?" in path else "?"
        url = path if path.startswith("http") else f"{ARM}{path}{separator}api-version={version}"
        options = {} if body is None else {"json": body}
        response = await self._client.send_request(HttpRequest(method, url, **options), _return_pipeline_response=True)
        if response.http_response.status_code >= 400:
            raise HttpResponseError(response=response.http_response)
        return response

    async def begin(self, method: str, path: str, body: Any = None, version: str = VERSION) -> tuple[Any, Any]:
        """The first answer, and what the poller gives in the end."""
        first = await self.send(method, path, body, version)
        poller = AsyncLROPoller(self._client, first, _content, AsyncARMPolling(timeout=0.05))
        return first.http_response, await poller.result()

    async def put(
        self, resource_id: str, api_version: str = VERSION, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return (await self.begin("PUT", resource_id, body, api_version))[1]

    async def get(self, resource_id: str, api_version: str = VERSION) -> dict[str, Any] | None:
        try:
            return (await self.send("GET", resource_id, None, api_version)).http_response.json()
        except HttpResponseError as refused:
            if refused.status_code == 404:
                return None
            raise

    async def delete(self, resource_id: str, api_version: str = VERSION) -> None:
        await self.begin("DELETE", resource_id, None, api_version)

    async def post(self, resource_id_and_action: str, api_version: str = VERSION, body: Any = None) -> Any:
        return _content(await self.send("POST", resource_id_and_action, body, api_version))

    async def until(self, path: str, satisfied: Any, seconds: float = 5.0) -> Any:
        """GET until `satisfied(document)`."""
        give_up = time.monotonic() + seconds
        while not satisfied(document := await self.get(path)):
            assert time.monotonic() < give_up, document
            await asyncio.sleep(0.05)
        return document


def _content(response: Any, *_more: Any) -> Any:
    text = response.http_response.text()
    return json.loads(text) if text else None


__all__ = ["ARM", "Client", "HttpResponseError", "ResourceNotFoundError"]
