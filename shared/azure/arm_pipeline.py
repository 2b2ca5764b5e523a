"""The HTTP pipeline to Azure Resource Manager, made of azure-core's own policies. Loaded with the first call of `arm`.

Only reads are repeated, and only where no answer came: a repeated write could be a second effect, and an answer that
asks for patience (429) goes to the caller, who can wait without holding a worker.
"""

from __future__ import annotations

import re
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    AsyncHTTPPolicy,
    AsyncRetryPolicy,
    HeadersPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.polling import AsyncLROPoller
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.core import AsyncARMPipelineClient
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy
from azure.mgmt.core.polling.async_arm_polling import AsyncARMPolling

from shared.azure.failures import retry_after
from shared.azure.pace import Pace

SCOPE = "https://management.azure.com/.default"
CONNECT_SECONDS, READ_SECONDS = 5, 30
_FIRST_POLL, _SLOWEST_POLL = 0.25, 10.0  # seconds
_SUBSCRIPTION = re.compile(r"/subscriptions/([^/?]+)", re.IGNORECASE)

Client = AsyncARMPipelineClient[HttpRequest, AsyncHttpResponse]
Response = PipelineResponse[HttpRequest, AsyncHttpResponse]


class PacePolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Every request of a subscription takes its turn, those of pollers included."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    async def send(self, request: PipelineRequest[HttpRequest]) -> Response:
        sent = request.http_request
        found = _SUBSCRIPTION.search(sent.url)
        subscription = found[1] if found else ""
        await self._pace.turn(subscription, sent.method)
        response = await self.next.send(request)
        if response.http_response.status_code == 429:
            self._pace.throttled(subscription, sent.method, retry_after(response.http_response.headers) or 1.0)
        return response


class Polling(AsyncARMPolling):
    """Polls as often as the service asks for; where it does not say, quickly at first and then ever more slowly."""

    def __init__(self) -> None:
        super().__init__(timeout=_FIRST_POLL)

    def _extract_delay(self) -> float:
        asked = retry_after(self._pipeline_response.http_response.headers)
        delay: float = asked or self._timeout
        self._timeout = min(self._timeout * 1.5, _SLOWEST_POLL)
        return delay


def connect(base_url: str, credential: AsyncTokenCredential, pace: Pace, transport: Any = None) -> Client:
    """`transport` replaces azure-core's aiohttp transport (tests: another trust store)."""
    policies = [
        RequestIdPolicy(),
        HeadersPolicy(),
        UserAgentPolicy(base_user_agent="runtime-cloud-platform"),
        AsyncRetryPolicy(retry_total=2, retry_status=0, retry_backoff_factor=0.2, retry_on_methods=["GET"]),
        AsyncARMChallengeAuthenticationPolicy(credential, SCOPE),
        PacePolicy(pace),
    ]
    chosen = transport or AioHttpTransport(connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
    return AsyncARMPipelineClient(base_url, policies=policies, transport=chosen)


async def send(client: Client, request: HttpRequest) -> Response:
    """One request. Raises azure-core's errors for a missing answer; every answer is returned, whatever its status."""
    options: dict[str, Any] = {} if request.method == "GET" else {"retry_total": 0}
    response: Any = await client.send_request(request, _return_pipeline_response=True, **options)
    return response  # type: ignore[no-any-return]


async def finished(client: Client, first: Response) -> Response | None:
    """The last answer of the long-running operation that `first` began, None where that has no body. Raises
    `HttpResponseError` when the operation failed."""
    poller: AsyncLROPoller[Response | None] = AsyncLROPoller(client, first, lambda response: response, Polling())
    return await poller.result()
