"""One request and its answer: bearer token, retries, idempotency, ETags, problems as exceptions.

- What may work later is asked again within `patience`, after the seconds that `Retry-After` names, else after a growing
  pause: 429, 503, and no answer at all. A POST is repeated safely, because every one carries an Idempotency-Key.
- GETs remember what they were answered, by ETag: what did not change is not sent again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx

from .problems import Problem, Unavailable, problem

D = TypeVar("D")
Token = str | Callable[[], Awaitable[str]]  # a fixed one, or where to get a current one

REMEMBERED = 256  # answers
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds
LATER = frozenset({429, 503})
NOT_MODIFIED = 304


@dataclass(frozen=True)
class Begun(Generic[D]):
    """A 202: what was answered, and where to follow it."""

    document: D
    operation_id: str
    retry_after: float  # seconds


async def bearer(token: Token) -> str:
    return f"Bearer {token if isinstance(token, str) else await token()}"


class Transport:
    """`http` is the caller's and is not closed here."""

    def __init__(self, http: httpx.AsyncClient, token: Token, patience: float) -> None:
        self._http = http
        self._token = token
        self._patience = patience
        self._known: OrderedDict[str, tuple[str, Any]] = OrderedDict()  # URL -> ETag and document

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The document. Raises `Problem`."""
        document, _ = await self.tagged(path, query)
        return document

    async def tagged(self, path: str, query: Mapping[str, Any] | None = None) -> tuple[Any, str]:
        """The document and its ETag, which `if_match` takes."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = str(httpx.URL(path, params=given)) if given else path
        etag, document = self._known.get(url, ("", None))
        answer = await self.ask("GET", url, headers={"If-None-Match": etag} if etag else {})
        if answer.status_code != NOT_MODIFIED:
            etag, document = answer.headers.get("ETag", ""), answer.json()
            self._remember(url, etag, document)
        return document, etag

    async def change(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        idempotency_key: str | None = None,
        if_match: str | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """A mutation. Without a key of the caller's it has one of its own, so that it may be repeated. Raises `Problem`."""
        headers = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        if if_match is not None:
            headers["If-Match"] = if_match
        return await self.ask(method, path, headers=headers, json=body, params=query)

    async def ask(self, method: str, url: str, *, headers: Mapping[str, str], **more: Any) -> httpx.Response:
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._patience, FIRST_PAUSE
        given = {name: value for name, value in more.items() if value is not None}
        while True:
            refused = await self._once(method, url, headers, given)
            if isinstance(refused, httpx.Response):
                return refused
            wait = refused.retry_after or pause
            if not isinstance(refused, Unavailable) or loop.time() + wait > deadline:
                raise refused
            await asyncio.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _once(
        self, method: str, url: str, headers: Mapping[str, str], more: Mapping[str, Any]
    ) -> httpx.Response | Problem:
        fields = {**headers, "Authorization": await bearer(self._token)}
        try:
            answer = await self._http.request(method, url, headers=fields, **more)
        except httpx.TransportError as gone:
            return Unavailable("NoAnswer", type(gone).__name__)
        if answer.is_success or answer.status_code == NOT_MODIFIED:
            return answer
        return refusal(answer)

    def _remember(self, url: str, etag: str, document: Any) -> None:
        if not etag:
            return
        self._known[url] = (etag, document)
        self._known.move_to_end(url)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def refusal(answer: httpx.Response) -> Problem:
    """The exception for an answer that is no success; what is no problem document comes from something in between."""
    retry_after = _seconds(answer.headers.get("Retry-After"))
    try:
        document = dict(answer.json())
        code, detail = str(document["code"]), str(document["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail, document = f"Http{answer.status_code}", answer.reason_phrase, {}
    if answer.status_code in LATER and not document:
        return Unavailable(code, detail, status=answer.status_code, retry_after=retry_after)
    fields = {"status": answer.status_code, "trace_id": document.get("traceId"), "retry_after": retry_after}
    return problem(code, detail, members=document, **fields)


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and value.isdecimal() else None


def begun(answer: httpx.Response) -> Begun[Any]:
    operation_id = answer.headers.get("Operation-Location", "").rpartition("/")[2]
    return Begun(answer.json(), operation_id, _seconds(answer.headers.get("Retry-After")) or FIRST_PAUSE)
