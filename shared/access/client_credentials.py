"""An access token of a client of our own, by RFC 6749 section 4.4, from the issuer that everybody's tokens come from.

Kept until shortly before it expires. Raises `Transient("issuer")` whatever goes wrong on the way: nothing was learned.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from shared.access.origins import is_confidential
from shared.kernel.clock import Clock
from shared.kernel.errors import Transient

DEPENDENCY = "issuer"
MARGIN = timedelta(seconds=60)
Fetch = Callable[[str], Awaitable[bytes]]
Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[tuple[int, bytes]]]


@dataclass
class ClientCredentials:
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    fetch: Fetch
    post: Post
    clock: Clock
    _token: str = field(default="", repr=False)
    _until: datetime | None = None

    async def token(self) -> str:
        if self._until is None or self.clock() >= self._until:
            answer = await self._granted()
            self._token = str(answer["access_token"])
            self._until = self.clock() + timedelta(seconds=float(answer.get("expires_in") or 0)) - MARGIN
        return self._token

    async def _granted(self) -> dict[str, Any]:
        document = _object(await self.fetch(self.issuer.removesuffix("/") + "/.well-known/openid-configuration"))
        endpoint = str(document.get("token_endpoint", ""))
        if not is_confidential(endpoint):
            raise Transient(DEPENDENCY)
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret}
        fields = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        status, body = await self.post(endpoint, urlencode(form).encode(), fields)
        answer = _object(body)
        if status != 200 or not answer.get("access_token"):
            raise Transient(DEPENDENCY)
        return answer


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        raise Transient(DEPENDENCY) from None
    if not isinstance(document, dict):
        raise Transient(DEPENDENCY)
    return document
