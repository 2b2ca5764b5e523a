"""Rules about request bodies that hold for every type of resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localazure.arm.errors import ArmError
from localazure.arm.records import Resource


def check_location(body: Mapping[str, Any], standing: Resource | None, *, required: bool) -> None:
    """Raises `ArmError` for a body without a location, and for one that would move what exists."""
    if not required:
        return
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    held = str(standing.body.get("location", "")) if standing else location
    if _normal(held) != _normal(location):
        message = f"The resource already exists in location '{held}'; it cannot be created in '{location}'."
        raise ArmError(409, "InvalidResourceLocation", message)


def _normal(location: str) -> str:
    return location.replace(" ", "").lower()


def merged(base: Any, change: Mapping[str, Any]) -> dict[str, Any]:
    """JSON merge patch (RFC 7396): objects are merged, null removes, everything else replaces."""
    result = dict(base) if isinstance(base, Mapping) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value) if isinstance(value, Mapping) else value
    return result
