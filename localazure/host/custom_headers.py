"""host.json's `extensions.http.customHeaders`, on every answer of the host: the app's, its own, 404s and 500s."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CustomHeaders:
    """Adds `headers` (name to value) where the answer does not carry the name already, as the host's TryAdd does."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in self._headers if pair[0] not in given)]
            await send(message)

        await self._app(scope, receive, send_with_headers)
