"""One authoriser for REST, internal routes and gRPC: it takes the value of a header or of metadata and knows neither.

The order is the contract's: token → tenant (equal to the body's) → scope; binding, request and governance follow where the
environment is known. There is no mode that skips the first step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.access.caller import Caller
from shared.access.claims import Claims
from shared.access.limits import Limits
from shared.access.tokens import MAX_TOKEN_BYTES, Tokens
from shared.kernel import metrics
from shared.kernel.errors import InsufficientScope, InvalidToken, TenantMismatch

SCHEME = "bearer"


@dataclass(frozen=True)
class Authoriser:
    tokens: Tokens
    limits: Limits = field(default_factory=Limits)

    async def authenticate(self, authorization: str | None, trace_id: str) -> Caller:
        """The caller behind an `Authorization` value.

        Raises `InvalidToken`, `Transient("issuer")` without keys, `TooManyRequests` beyond the tenant's limit.
        """
        claims = await self.claims(authorization)
        return Caller(claims.tenant_id, claims.subject, claims.client_id, claims.scopes, trace_id)

    async def claims(self, authorization: str | None) -> Claims:
        """As `authenticate`, with the expiry: a stream outlives the call that opened it and must not outlive its token."""
        claims = await self.verified(authorization)
        self.limits.take(claims.tenant_id)
        return claims

    async def verified(self, authorization: str | None) -> Claims:
        """What the token says, whatever the tenant has asked already. What is refused is counted and leaves no row."""
        try:
            return await self.tokens.verify(bearer(authorization))
        except InvalidToken as refused:
            metrics.count("requests.unauthenticated", reason=refused.reason)
            raise


def bearer(authorization: str | None) -> str:
    """The token in `Bearer <token>`, the scheme in any case. Another scheme is as good as no token (RFC 6750 §3.1)."""
    scheme, _, token = (authorization or "").strip(" ").partition(" ")
    if scheme.lower() != SCHEME:
        raise InvalidToken("no bearer token", given=False)
    token = token.strip(" ")
    if not token or len(token) > MAX_TOKEN_BYTES or " " in token or "," in token or "\t" in token:
        raise InvalidToken("not one token")
    return token


def require_tenant(caller: Caller, tenant_id: str) -> None:
    """Raise `TenantMismatch` unless the body names the token's own tenant."""
    if caller.tenant_id != tenant_id:
        raise TenantMismatch


def require_scope(caller: Caller, accepted: Sequence[str]) -> None:
    """Raise `InsufficientScope`, naming the first, unless the caller holds one of `accepted`, letter by letter."""
    if caller.scopes.isdisjoint(accepted):
        raise InsufficientScope(accepted[0])
