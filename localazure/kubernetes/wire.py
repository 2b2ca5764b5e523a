"""HTTP in and out of the API server: an ASGI request as a call, an answer as JSON.

Bodies are JSON or, for apply, YAML (read without constructing anything but plain values), at most 3 MiB as on the real
server. The media type of an answer is exactly `application/json`: clients tell a Status from a proxy's error page by it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

import yaml

from localazure.kubernetes.status import Refusal

BODY_LIMIT = 3 * 1024 * 1024

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Call:
    method: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def token(self) -> str:
        """The bearer token, or nothing."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()

    @property
    def manager(self) -> str:
        """Who writes, as in managedFields: `fieldManager`, else the user agent up to its version."""
        return self.query.get("fieldManager") or self.headers.get("user-agent", "unknown").partition("/")[0][:128]

    @property
    def dry_run(self) -> bool:
        return self.query.get("dryRun") == "All"

    def document(self) -> Any:
        """The body. Raises 400 for what is neither JSON nor YAML, 415 for other media types."""
        if self.media_type.endswith("yaml"):
            return self._yaml()
        if self.media_type != "application/json" and not self.media_type.endswith("+json"):
            raise Refusal(415, f"the body of the request was in an unknown format: {self.media_type}")
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as problem:
            raise Refusal(400, f"couldn't get version/kind; json parse error: {problem}") from None

    def _yaml(self) -> Any:
        try:
            return json.loads(self.body)  # every JSON document is YAML, and this is the fast way to read one
        except (ValueError, RecursionError):
            pass
        try:
            return yaml.safe_load(self.body)
        except (yaml.YAMLError, ValueError, RecursionError) as problem:
            raise Refusal(400, f"error parsing YAML: {problem}") from None


async def read_call(scope: Scope, receive: Receive) -> Call:
    """Raises 413 for a body over the limit."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise Refusal(413, f"Request entity too large: limit is {BODY_LIMIT}")
        if not message.get("more_body"):
            break
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    return Call(
        scope["method"],
        tuple(unquote(part) for part in path.split("/") if part),
        dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)),
        {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        bytes(body),
    )


async def reply(send: Send, status: int, body: Any) -> None:
    """A text is sent as plain text, anything else as JSON."""
    plain = isinstance(body, str)
    content = body.encode() if plain else json.dumps(body, separators=(",", ":")).encode()
    media_type = b"text/plain; charset=utf-8" if plain else b"application/json"
    headers = [(b"content-type", media_type), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def stream(receive: Receive, send: Send, lines: AsyncIterator[bytes]) -> None:
    """Send lines as they come, until they end or the client goes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    writing, going = asyncio.create_task(_write(send, lines)), asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((writing, going), return_when=asyncio.FIRST_COMPLETED)
    finally:
        writing.cancel()
        going.cancel()
        await asyncio.gather(writing, going, return_exceptions=True)


async def _write(send: Send, lines: AsyncIterator[bytes]) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": True})  # the client learns at once that it watches
    async for line in lines:
        await send({"type": "http.response.body", "body": line, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
