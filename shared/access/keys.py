"""The issuer's signing keys: discovered, kept, refreshed, and never a reason for an outage of ours.

OIDC discovery leads to a JWKS; both must come from https or loopback, and the discovery document must name the issuer we
were configured with (OpenID Connect Discovery §4.3), else a key of somebody else would sign our tokens.

Refreshing is single-flight and survives the request that started it. It happens
- before the first use, and again with back-off while nothing was ever fetched (`Transient("issuer")` meanwhile);
- every hour in the background: known keys go on working while it runs or fails, for at most 24 hours;
- for an unknown `kid` at most once in 30 s, whoever asks: a flood of invented ids costs the issuer one request.
A key that the issuer withdraws is gone with the next refresh.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.access import strict_json
from shared.access.jwks import usable_keys
from shared.access.origins import is_confidential
from shared.kernel.errors import Transient

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

Fetch = Callable[[str], Awaitable[bytes]]

REFRESH_EVERY = 3600.0  # seconds, as all below
KEEP_AT_MOST = 24 * 3600.0
UNKNOWN_EVERY = 30.0
FIRST_BACK_OFF = 1.0
LONGEST_BACK_OFF = 60.0
MANY_FAILURES = 16  # enough for the longest back-off
_log = logging.getLogger(__name__)


def accepted_issuers(issuer: str) -> frozenset[str]:
    """`issuer` itself and, for a root URL, its other spelling: OpenIddict writes `https://host/`, people `https://host`."""
    root = issuer.removesuffix("/")
    return frozenset({issuer, root, root + "/"}) if not urlsplit(root).path else frozenset({issuer})


class SigningKeys:
    """Keys of one issuer, for one event loop. `monotonic` is in seconds. Raises ValueError for an issuer in the clear."""

    def __init__(self, issuer: str, fetch: Fetch, monotonic: Callable[[], float]) -> None:
        if not is_confidential(issuer):
            raise ValueError("the issuer must be an https URL, or http on loopback")
        self._issuers = accepted_issuers(issuer)
        self._discovery = issuer.removesuffix("/") + "/.well-known/openid-configuration"
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: Mapping[str, tuple[RSAKey | ECKey, ...]] = MappingProxyType({})
        self._jwks_uri: str | None = None
        self._fetched_at: float | None = None
        self._failures = 0
        self._not_before = 0.0  # no refresh before this instant, after failures
        self._asked_for_unknown: float | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def named(self, kid: str | None) -> tuple[RSAKey | ECKey, ...]:
        """The usable keys called `kid`; of a token without one, the only key there is. Empty when there is none.

        Raises `Transient("issuer")` when no keys are known, and when `kid` is unknown while the issuer cannot be asked.
        """
        fresh = await self._ensure()
        found = self._lookup(kid)
        if found or fresh or kid is None:
            return found
        if not self._may_ask_for_unknown():
            if self._failures:
                raise self._unavailable()
            return ()
        self._asked_for_unknown = self._monotonic()
        await self._refresh(rediscover=False)
        if self._failures:
            raise self._unavailable()
        return self._lookup(kid)

    async def close(self) -> None:
        """Stop a refresh under way."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def _ensure(self) -> bool:
        """See that keys are at hand; whether this call had to wait for them."""
        age = self._age()
        if age is not None and age < KEEP_AT_MOST:
            if age >= REFRESH_EVERY and self._monotonic() >= self._not_before:
                self._start(rediscover=True)  # behind the request: the keys at hand still hold
            return False
        self._keys = MappingProxyType({})
        if not self._under_way() and self._monotonic() < self._not_before:
            raise self._unavailable()
        await self._refresh(rediscover=True)
        if not self._keys:
            raise self._unavailable()
        return True

    def _age(self) -> float | None:
        return None if self._fetched_at is None else self._monotonic() - self._fetched_at

    def _lookup(self, kid: str | None) -> tuple[RSAKey | ECKey, ...]:
        if kid is not None:
            return self._keys.get(kid, ())
        every = [key for keys in self._keys.values() for key in keys]
        return tuple(every) if len(every) == 1 else ()

    def _may_ask_for_unknown(self) -> bool:
        if self._under_way():
            return True  # joins the one under way, which costs nothing
        last = self._asked_for_unknown
        return last is None or self._monotonic() - last >= UNKNOWN_EVERY

    def _unavailable(self) -> Transient:
        return Transient("issuer", retry_after=max(1.0, self._not_before - self._monotonic()))

    async def _refresh(self, *, rediscover: bool) -> None:
        # Shielded: whoever started it may be cancelled, the others still wait for it.
        await asyncio.shield(self._start(rediscover=rediscover))

    def _start(self, *, rediscover: bool) -> asyncio.Task[None]:
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._load(rediscover or self._failures > 0))
        return self._refreshing

    def _under_way(self) -> bool:
        return self._refreshing is not None and not self._refreshing.done()

    async def _load(self, rediscover: bool) -> None:
        try:
            if rediscover or self._jwks_uri is None:
                self._jwks_uri = self._jwks_uri_of(strict_json.loads(await self._fetch(self._discovery)))
            keys = usable_keys(strict_json.loads(await self._fetch(self._jwks_uri)))
        except Exception as error:  # whatever the issuer sent or did not: the keys at hand still hold
            self._failed(error)
            return
        self._keys, self._fetched_at = keys, self._monotonic()
        self._failures, self._not_before = 0, 0.0

    def _failed(self, error: Exception) -> None:
        wait = min(FIRST_BACK_OFF * 2**self._failures, LONGEST_BACK_OFF)
        self._failures = min(self._failures + 1, MANY_FAILURES)
        self._not_before = self._monotonic() + wait
        _log.warning("the issuer's signing keys could not be refreshed: %s", type(error).__name__)

    def _jwks_uri_of(self, document: Any) -> str:
        uri = document["jwks_uri"]
        if document["issuer"] not in self._issuers:
            raise ValueError("the discovery document is another issuer's")
        if not isinstance(uri, str) or not is_confidential(uri):
            raise ValueError("jwks_uri must be https, or http on loopback")
        return uri
