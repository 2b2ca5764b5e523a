"""What a workload says of its health: the ASP.NET health document, one check for the process and two for what it needs.

The document names no version: whoever wants to know what runs must ask who runs it. A workload that has not started, or
never will, answers 503, whatever a rule says of its body.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from localazure.workloads.behaviour import Behaviour

_JSON = "application/json"
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str = _JSON
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def document(status: str, failing: str = "sql") -> dict[str, Any]:
    """The document whose `failing` check has the given status and makes it the whole's; the other checks are healthy."""
    checks: list[dict[str, Any]] = [
        {"name": "self", "status": "Healthy"},
        {"name": "sql", "status": "Healthy", "durationMs": 12},
        {"name": "service-bus", "status": "Healthy", "durationMs": 8},
    ]
    for check in checks:
        if check["name"] == failing:
            check["status"] = status
    return {"status": status, "checks": checks}


def answer(behaviour: Behaviour, ready: bool) -> Answer:
    """The answer to a probe: 200 for Healthy and Degraded, 503 for Unhealthy, unless the behaviour says otherwise."""
    if not ready:
        return Answer(503, body=_dump(document("Unhealthy", failing="self")))
    if behaviour.redirect_to is not None:
        code = behaviour.http_status or 302
        return Answer(code, headers={"Location": behaviour.redirect_to})
    code = behaviour.http_status or (503 if behaviour.status == "Unhealthy" else 200)
    if behaviour.raw_body is not None:
        return Answer(code, _content_type(behaviour.raw_body), behaviour.raw_body.encode("utf-8", "replace"))
    return Answer(code, body=_dump(document(behaviour.status)))


def _dump(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _content_type(raw: str) -> str:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):  # neither JSON nor worth more thought
        return _HTML
    return _JSON
