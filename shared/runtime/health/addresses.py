"""Where a probe may go: the guard against server-side request forgery.

A health target comes from a tenant's world, and a prober that goes anywhere is a way into ours (Consul's health checks,
CVE-2022-29153; Azure's availability tests, 2024). So:
- a URL is read strictly, and an IP address has one spelling (`2130706433`, `0x7f.1`, `0177.0.0.1` are refused);
- a name is resolved once, *every* address of it must pass, and the connection goes to the address that was checked:
  a second answer of the name server (rebinding) meets nobody;
- an IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo) is judged as what it is;
- loopback and private networks are reached only when a setting allows them; link-local addresses and the platform's
  own (168.63.129.16, instance metadata) never, whatever a setting says.

The tables are written out from the IANA special-purpose registries: those of `ipaddress` change with Python's releases.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]

PORTS = {"http": 80, "https": 443}
MAX_URL_LENGTH = 2048
KEPT = 16_384  # judgements of what is asked again and again; pure, so they never grow old
MAX_HOST_LENGTH = 253

ALLOWABLE = tuple(
    map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
# Azure's platform address; instance metadata of other clouds inside networks that can be allowed.
NEVER = frozenset(map(ip_address, ("168.63.129.16", "169.254.169.254", "100.100.100.200", "fd00:ec2::254")))

_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        ),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))

_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")

_BASE_URL = re.compile(r"(https?)://(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/]+))(?::([0-9]{1,5}))?/?", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?", re.ASCII)
_ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)", re.ASCII)  # the WHATWG URL standard's test for an IPv4 address


class BadTarget(Exception):
    """The base URL is no plain `http(s)://host[:port]`."""


class BlockedAddress(Exception):
    """The target, or one of its addresses, lies where no probe may go."""


@dataclass(frozen=True)
class Networks:
    """Networks that are allowed although they are not public."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Comma-separated CIDRs; blank is none.

        Raises:
            ValueError: one is no network (host bits set, too), or not inside `ALLOWABLE`: nobody can allow link-local or
                public ranges by mistake.
        """
        networks = tuple(ip_network(item.strip()) for item in text.split(",") if item.strip())
        for network in networks:
            if not any(_inside(network, allowable) for allowable in ALLOWABLE):
                raise ValueError(f"{network} cannot be allowed: neither loopback nor private")
        return cls(networks)

    @lru_cache(KEPT)  # noqa: B019 - by value: equal networks share it, and it is bounded
    def permits(self, address: Address) -> bool:
        """Whether a probe may connect to `address`."""
        embedded = _embedded(address)
        if embedded:
            return all(self.permits(inner) for inner in embedded)
        if address in NEVER:
            return False
        return _is_public(address) or any(
            address.version == network.version and address in network for network in self.networks
        )


@dataclass(frozen=True)
class Target:
    """A base URL, read."""

    host: str  # lower case, ASCII; without brackets
    port: int
    secure: bool
    literal: Address | None  # when the host is an address

    @cached_property
    def authority(self) -> str:
        """As the Host header has it: the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if isinstance(self.literal, IPv6Address) else self.host
        return host if self.port == PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


@lru_cache(KEPT)  # sweeps ask the same targets every half minute
def parse_target(base_url: str) -> Target:
    """Read `http(s)://host[:port]`, with nothing before, between or behind. Raises `BadTarget`."""
    found = _BASE_URL.fullmatch(base_url) if len(base_url) <= MAX_URL_LENGTH and base_url.isprintable() else None
    if found is None:
        raise BadTarget(base_url)
    scheme, bracketed, name, port = found.groups()
    number = int(port) if port else PORTS[scheme.lower()]
    if not 0 < number < 2**16:
        raise BadTarget(base_url)
    host, literal = _host(name) if name else _bracketed(bracketed)
    return Target(host, number, scheme.lower() == "https", literal)


def _bracketed(text: str) -> tuple[str, Address]:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise BadTarget(text) from None
    return str(address), address


def _host(text: str) -> tuple[str, Address | None]:
    try:
        # Full-width digits and the like become what they mean before anything is decided.
        host = text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise BadTarget(text) from None
    if _ENDS_IN_NUMBER.fullmatch(host):
        try:
            return host, IPv4Address(host)  # four decimal parts without leading zeros, nothing else
        except ValueError:
            raise BadTarget(text) from None
    if len(host) > MAX_HOST_LENGTH or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise BadTarget(text)
    return host, None


async def resolve(host: str, port: int) -> Sequence[Address]:
    """All addresses of a name, by the system's resolver. Raises `socket.gaierror`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [ip_address(sockaddr[0]) for *_, sockaddr in found]


async def checked_addresses(target: Target, allowed: Networks, resolver: Resolve = resolve) -> Sequence[Address]:
    """The addresses to connect to, in the resolver's order, each once.

    Raises:
        BlockedAddress: one of them may not be reached; a name that mixes is a name under attack.
        OSError: the name cannot be resolved.
    """
    literal = target.literal
    addresses = [literal] if literal else list(dict.fromkeys(await resolver(target.host, target.port)))
    if not addresses or not all(allowed.permits(address) for address in addresses):
        raise BlockedAddress(target.host)
    return addresses


def _inside(network: Network, outer: Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(outer, IPv4Network) and network.subnet_of(outer)
    return isinstance(outer, IPv6Network) and network.subnet_of(outer)


def _embedded(address: Address) -> Sequence[IPv4Address]:
    """The IPv4 addresses that a packet to `address` may end at (RFC 4291 §2.5.5.2, 6052, 3056, 4380)."""
    if isinstance(address, IPv4Address):
        return ()
    if address in _MAPPED or address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(int(address) >> 80 & 0xFFFFFFFF),)
    if address in _TEREDO:
        return (IPv4Address(int(address) >> 64 & 0xFFFFFFFF), IPv4Address(~int(address) & 0xFFFFFFFF))
    return ()


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)
