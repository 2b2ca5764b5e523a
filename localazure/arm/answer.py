"""A request as the kinds of resources see it, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localazure.arm.target import Target


@dataclass(frozen=True)
class Call:
    """One authenticated request with its JSON body ({} when there is none)."""

    method: str
    target: Target
    query: Mapping[str, str]  # without api-version
    api_version: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def listing(items: list[Any]) -> Answer:
    """ARM's list envelope; everything fits on one page here."""
    return Answer(200, {"value": items})
