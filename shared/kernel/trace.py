"""The one trace id that ties a request to everything it caused (W3C Trace Context).

`trace-` + the 32 hex digits of a valid `traceparent`, else a new one: a malformed header is no error (§3.2.2.3).
"""

from __future__ import annotations

import re
import secrets

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
PREFIX = "trace-"


def trace_id_of(traceparent: str | None) -> str:
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found and _valid(found):
        return PREFIX + found[2]
    return PREFIX + secrets.token_hex(16)


def continued(traceparent: str | None) -> str:
    """The header itself where it is valid, else one that begins a trace."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found and _valid(found):
        return found[0]
    drawn = secrets.token_hex(24)  # both ids at once: every request pays for it
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def _valid(found: re.Match[str]) -> bool:
    version, trace, parent, rest = found.groups()
    return version != "ff" and (version != "00" or rest is None) and bool(trace.strip("0")) and bool(parent.strip("0"))


def traceparent_of(trace_id: str) -> str:
    """A header that continues `trace_id` with a new parent id, sampled."""
    return f"00-{trace_id.removeprefix(PREFIX)}-{secrets.token_hex(8)}-01"


def correlation_id_of(trace_id: str) -> str:
    """What ties the events of a trace together in other platforms."""
    return f"corr-{trace_id.removeprefix(PREFIX)}"
