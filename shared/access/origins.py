"""Which URLs may be trusted with what we read from or send to them: https anywhere, plain http on loopback only."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_confidential(url: str) -> bool:
    """Whether nobody on the way can read or change what is exchanged with `url`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if "@" in parts.netloc or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
