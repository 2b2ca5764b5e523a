"""Health statuses, and an HTTP answer judged as one.

The document is ASP.NET's in the shapes its writers have: `{"status", "results" | "entries": {name: {status, duration}}}`
and `{"status", "checks": [{name, status, durationMs}]}`. The aggregate is the worst of the answer's own status and all
its checks, those beyond the kept ones too. Bodies are hostile input: sizes, depth, names and words are bounded, a key
that stands twice makes the document ambiguous, and nothing in a body can raise.

What an answer means (decisions.md, "Probe"; only `Healthy` ever promotes):
    json   200 with a document         its aggregate
           503 with or without one     Unhealthy, with its checks
           200 with anything else      Unknown: it lives, and does not tell how it is
    plain  2xx                         Healthy
    both   3xx                         Unknown: a redirect is never followed
           any other status            Unhealthy
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from shared.kernel.record import Record

MAX_CHECKS = 50
MAX_NAME_LENGTH = 100
MAX_DURATION_MS = 24 * 3600 * 1000

OK = 200
UNAVAILABLE = 503  # ASP.NET's answer for Unhealthy

Format = Literal["json", "plain", "grpc"]

_TIMESPAN = re.compile(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,7}))?", re.ASCII)


class HealthStatus(StrEnum):
    HEALTHY = "Healthy"
    DEGRADED = "Degraded"
    UNHEALTHY = "Unhealthy"
    UNKNOWN = "Unknown"

    @property
    def severity(self) -> int:
        """The order of "worst". Unknown is worse than Degraded, which promises at least that the service works."""
        return _SEVERITY[self]


_SEVERITY = {
    HealthStatus.HEALTHY: 0,
    HealthStatus.DEGRADED: 1,
    HealthStatus.UNKNOWN: 2,
    HealthStatus.UNHEALTHY: 3,
}
_WORDS = {status.value.lower(): status for status in HealthStatus}


def worst(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """The most severe one; of none at all nothing is known."""
    return max(statuses, key=lambda status: status.severity, default=HealthStatus.UNKNOWN)


class Check(Record):
    name: str
    status: HealthStatus
    duration_ms: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What one answer says. `detail` is a code: why the status is not simply the document's."""

    status: HealthStatus
    checks: Sequence[Check] = ()
    detail: str | None = None


class _NoDocument(Exception):
    """The body is no health document; the message is the code."""


def judge(format: Format, http_status: int, body: bytes) -> Verdict:
    """What an answer means; see the module's table. Never raises for what stands in `body`."""
    if 300 <= http_status < 400:
        return Verdict(HealthStatus.UNKNOWN, detail="redirect")
    if format == "plain":
        healthy = 200 <= http_status < 300
        return Verdict(HealthStatus.HEALTHY) if healthy else _unhealthy(http_status)
    if http_status not in (OK, UNAVAILABLE):
        return _unhealthy(http_status)
    try:
        status, checks = _document(body)
    except _NoDocument as reason:
        return Verdict(HealthStatus.UNKNOWN, detail=str(reason)) if http_status == OK else _unhealthy(http_status)
    return Verdict(status, checks) if http_status == OK else _unhealthy(http_status, checks)


def reads_body(format: Format, http_status: int) -> bool:
    """Whether `judge` looks at the body of such an answer: nobody needs to wait for another."""
    return format == "json" and http_status in (OK, UNAVAILABLE)


def _unhealthy(http_status: int, checks: Sequence[Check] = ()) -> Verdict:
    return Verdict(HealthStatus.UNHEALTHY, checks, f"http-{http_status}")


def _document(body: bytes) -> tuple[HealthStatus, Sequence[Check]]:
    """The aggregate and up to `MAX_CHECKS` checks."""
    try:
        document = _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except (ValueError, RecursionError):
        raise _NoDocument("not-json") from None
    if not isinstance(document, dict) or "status" not in document:
        raise _NoDocument("not-health-document")
    checks = list(_checks(document))
    status = worst([_status(document["status"]), *(check.status for check in checks)])
    return status, checks[:MAX_CHECKS]


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key stands twice")
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_unambiguous)  # `json.loads` makes one at each call


def _checks(document: Mapping[str, Any]) -> Iterator[Check]:
    for member in ("checks", "results", "entries"):
        found = document.get(member)
        if isinstance(found, dict):
            yield from (_check(name, entry) for name, entry in found.items())
        elif isinstance(found, list):
            yield from (_check(entry.get("name") if isinstance(entry, dict) else None, entry) for entry in found)
        elif found is not None:
            raise _NoDocument("not-health-document")


def _check(name: object, entry: object) -> Check:
    if not isinstance(entry, dict):
        return Check(name=_name(name), status=_status(entry))  # {"sql": "Healthy"}
    duration = _milliseconds(entry["durationMs"] if "durationMs" in entry else entry.get("duration"))
    return Check(name=_name(name), status=_status(entry.get("status")), duration_ms=duration)


def _name(name: object) -> str:
    text = name if isinstance(name, str) else ""
    if not text.isprintable():
        text = "".join(filter(str.isprintable, text))
    return text[:MAX_NAME_LENGTH] or "unnamed"


def _status(word: object) -> HealthStatus:
    return _WORDS.get(word.lower(), HealthStatus.UNKNOWN) if isinstance(word, str) else HealthStatus.UNKNOWN


def _milliseconds(duration: object) -> int | None:
    """A number of milliseconds, or a .NET TimeSpan ("00:00:00.0123456"). None when it is neither or beyond a day."""
    if isinstance(duration, str) and (span := _TIMESPAN.fullmatch(duration)):
        days, hours, minutes, seconds = (int(part or 0) for part in span.groups()[:4])
        fraction = float(f"0.{span[5] or 0}")
        duration = (((days * 24 + hours) * 60 + minutes) * 60 + seconds + fraction) * 1000
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        return None
    return round(duration) if 0 <= duration <= MAX_DURATION_MS else None
