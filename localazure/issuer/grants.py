"""What a sign-in leaves behind: who is signed in, codes that are used once, refresh tokens that are replaced at each use.

Invariants: a code lives a minute, is bound to client, address and PKCE challenge (RFC 7636, S256 alone) and works once;
a refresh token works once, and one that comes a second time ends its whole family (RFC 9700 §4.14.2). In memory: after a
restart everybody signs in again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from localazure.issuer.people import Person

CODE_SECONDS = 60.0


@dataclass(frozen=True)
class Grant:
    """What a person allowed a client."""

    person: Person
    client_id: str
    scope: str
    nonce: str | None = None
    family: str = field(default_factory=lambda: secrets.token_hex(8))

    def narrowed(self, scope: str) -> Grant | None:
        """For less than was granted (RFC 6749 §6); None when it is more."""
        wanted = scope.split()
        return replace(self, scope=" ".join(wanted)) if set(wanted) <= set(self.scope.split()) else None


@dataclass(frozen=True)
class _Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    ends: float


@dataclass
class Grants:
    clock: Callable[[], float] = time.monotonic
    _sessions: dict[str, Person] = field(default_factory=dict)
    _codes: dict[str, _Code] = field(default_factory=dict)
    _refresh: dict[str, Grant] = field(default_factory=dict)
    _spent: dict[str, str] = field(default_factory=dict)  # refresh token -> family

    def sign_in(self, person: Person) -> str:
        """The session for the browser's cookie."""
        session = secrets.token_urlsafe(24)
        self._sessions[session] = person
        return session

    def signed_in(self, session: str) -> Person | None:
        return self._sessions.get(session)

    def sign_out(self, session: str) -> None:
        """Ends the session and every refresh token that the person's sign-ins left."""
        person = self._sessions.pop(session, None)
        self._refresh = {token: grant for token, grant in self._refresh.items() if grant.person != person}

    def code(self, grant: Grant, redirect_uri: str, challenge: str) -> str:
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(grant, redirect_uri, challenge, self.clock() + CODE_SECONDS)
        return code

    def redeem(self, code: str, client_id: str, redirect_uri: str, verifier: str) -> Grant | None:
        """The grant behind a code; None for one that is unknown, used, old, or another's."""
        known = self._codes.pop(code, None)
        if known is None or known.ends < self.clock():
            return None
        if (known.grant.client_id, known.redirect_uri) != (client_id, redirect_uri):
            return None
        return known.grant if hmac.compare_digest(known.challenge.encode(), challenge_of(verifier).encode()) else None

    def remember(self, grant: Grant) -> str:
        """A refresh token for the grant."""
        token = secrets.token_urlsafe(24)
        self._refresh[token] = grant
        return token

    def renew(self, token: str, client_id: str) -> Grant | None:
        """The grant behind a refresh token, which is then spent; a spent one ends what came of it."""
        if token in self._spent:
            family = self._spent[token]
            self._refresh = {key: grant for key, grant in self._refresh.items() if grant.family != family}
            return None
        grant = self._refresh.get(token)
        if grant is None or grant.client_id != client_id:
            return None
        del self._refresh[token]
        self._spent[token] = grant.family
        return grant


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
