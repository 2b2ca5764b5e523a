"""An access token of a client of our own, by RFC 6749 section 4.4, from the issuer that everybody's tokens come from.

Kept until shortly before it expires. Raises `Transient("issuer")` whatever goes wrong on the way: nothing was learned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from shared.access import strict_json
from shared.access.origins import is_confidential
from shared.kernel.clock import Clock
from shared.kernel.errors import Transient

DEPENDENCY = "issuer"
MARGIN = timedelta(seconds=60)
LONGEST = 86_400 * 366  # seconds; more is no lifetime of a token
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
            self._token, lasts = await self._granted()
            self._until = self.clock() + lasts - MARGIN
        return self._token

    async def _granted(self) -> tuple[str, timedelta]:
        document = _object(await self.fetch(self.issuer.removesuffix("/") + "/.well-known/openid-configuration"))
        endpoint = str(document.get("token_endpoint", ""))
        if not is_confidential(endpoint):
            raise Transient(DEPENDENCY)
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret}
        fields = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        status, body = await self.post(endpoint, urlencode(form).encode(), fields)
        answer = _object(body)
        token, lasts = answer.get("access_token"), answer.get("expires_in", 0)  # without a time it is asked for each time
        if status != 200 or not isinstance(token, str) or not token or type(lasts) is not int or lasts > LONGEST:
            raise Transient(DEPENDENCY)
        return token, timedelta(seconds=lasts)


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = strict_json.loads(body)
    except ValueError:
        raise Transient(DEPENDENCY) from None
    if not isinstance(document, dict):
        raise Transient(DEPENDENCY)
    return document
