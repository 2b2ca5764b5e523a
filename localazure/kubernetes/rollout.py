"""How many replicas each replica set of a deployment should have next (pure).

The rules are those of the deployment controller (kubernetes: pkg/controller/deployment/rolling.go): never more than the
wanted count plus the surge, never fewer available than the wanted count less `maxUnavailable`, old replicas that are not
available go first. One replica up and one down a step, so that a rollout can be watched; without old replicas, all at once.
A new revision that never gets ready therefore stops a rollout where it stands. Not emulated: spreading a change of
`replicas` in the middle of a rollout over old and new proportionally (the change goes to the new set).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Size:
    """One replica set: what it is told to have, and how many of those are available."""

    name: str
    wanted: int
    available: int


@dataclass(frozen=True)
class Limits:
    desired: int
    surge: int
    unavailable: int
    recreate: bool


def limits(spec: Mapping[str, Any]) -> Limits:
    """Percentages of the surge are rounded up, of the unavailable down; both zero means one unavailable."""
    desired = spec["replicas"]
    strategy = spec.get("strategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", 0), desired, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", 0), desired, math.floor)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Limits(desired, surge, min(unavailable, desired), strategy.get("type") == "Recreate")


def next_sizes(bounds: Limits, new: Size, old: Sequence[Size], running_old: int) -> dict[str, int]:
    """The sizes to set now, by name; unchanged ones are absent. `old` oldest first, `running_old` their pods."""
    if not bounds.desired:
        return _changed({size.name: 0 for size in (new, *old)}, (new, *old))
    if bounds.recreate:
        sizes = {size.name: 0 for size in old}
        if not running_old and not any(size.wanted for size in old):
            sizes[new.name] = bounds.desired
        return _changed(sizes, (new, *old))
    return _changed({**_grow(bounds, new, old), **_shrink(bounds, new, old)}, (new, *old))


def _grow(bounds: Limits, new: Size, old: Sequence[Size]) -> dict[str, int]:
    if new.wanted > bounds.desired:
        return {new.name: bounds.desired}
    total_old = sum(size.wanted for size in old)
    if not total_old:
        return {new.name: bounds.desired}
    room = bounds.desired + bounds.surge - total_old - new.wanted
    return {new.name: new.wanted + max(0, min(room, bounds.desired - new.wanted, 1))}


def _shrink(bounds: Limits, new: Size, old: Sequence[Size]) -> dict[str, int]:
    least = bounds.desired - bounds.unavailable
    total = new.wanted + sum(size.wanted for size in old)
    if total - least - (new.wanted - new.available) <= 0:
        return {}
    for size in old:
        if size.wanted > size.available:
            return {size.name: size.wanted - 1}
    if new.available + sum(size.available for size in old) <= least:
        return {}
    return next(({size.name: size.wanted - 1} for size in old if size.wanted), {})


def _share(value: Any, desired: int, rounded: Any) -> int:
    if isinstance(value, int):
        return value
    return int(rounded(int(str(value).rstrip("%")) * desired / 100))


def _changed(sizes: Mapping[str, int], standing: Sequence[Size]) -> dict[str, int]:
    held = {size.name: size.wanted for size in standing}
    return {name: size for name, size in sizes.items() if held[name] != size}
