"""Who can sign in to the local issuer, and the public client that asks them to: there are no passwords to guess.

The client is the operators' page: code and PKCE, no secret, any port of this machine (RFC 8252 §7.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from localazure.issuer.tokens import ALL_SCOPES, DEFAULT_TENANT

PAGE_CLIENT = "runtime-operators-page"
PAGE_PATHS = ("/ui/signin", "/ui/")  # where a sign-in and a sign-out may end
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Person:
    key: str
    name: str
    tenant_id: str
    told: str  # what the picker says of them
    scopes: tuple[str, ...]


PEOPLE = {
    person.key: person
    for person in (
        Person(
            "viewer",
            "Vera Viewer",
            DEFAULT_TENANT,
            "may look at everything and change nothing",
            tuple(scope for scope in ALL_SCOPES if scope.endswith(".read")),
        ),
        Person("operator", "Otto Operator", DEFAULT_TENANT, "may do everything the platform can do", ALL_SCOPES),
        Person("outsider", "Olga Outsider", "northwind", "may do everything, for another tenant", ALL_SCOPES),
    )
}


def is_page(uri: str) -> bool:
    """Whether a sign-in may lead back there: the page's own paths, on this machine, on any port."""
    return origin_of(uri) is not None and urlsplit(uri).path in PAGE_PATHS and not urlsplit(uri).fragment


def origin_of(uri: str) -> str | None:
    """The origin of an address of this machine; None for any other."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    host = f"[{host}]" if ":" in host else host
    if parts.scheme not in ("http", "https") or host not in LOOPBACK_HOSTS or parts.username is not None:
        return None
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
