"""How what one release makes run differs from what another does: pure, for people to read (`model.ComparisonState`).

- `components`: image, target, replicas and probe of each service, as far as they differ; all of them where a service is
  only on one side.
- `configuration`: which configuration each service has.
- `settings`: the variables that services run with, wherever they come from, the configuration or the component.

Each is a list of `{serviceId, key?, from, to}`, sorted; a side on which there is nothing is left out. What the platform
decides by itself is no difference: the name of a revision, the bounds of a scaling policy. Nothing here is secret: of a
secret there is only the reference. Long values are cut, with their length and hash, so that two that differ also look
different.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shared.kernel.canonical import sha256
from shared.runtime.catalog.model import Placed
from shared.targets.port import SecretReference

Comparison = dict[str, list[dict[str, Any]]]
Sides = tuple[Placed | None, Placed | None]

LONGEST = 256  # characters of a value
HASH_DIGITS = 12


def compared(before: Mapping[str, Placed], after: Mapping[str, Placed]) -> Comparison:
    """What is other in `after` than in `before` (both: service id -> what runs)."""
    services = {service_id: (before.get(service_id), after.get(service_id)) for service_id in sorted({*before, *after})}
    return {
        "components": [
            _difference({"serviceId": service_id}, *_component(sides))
            for service_id, sides in services.items()
            if _differ(sides, _members)
        ],
        "configuration": [
            _difference({"serviceId": service_id}, *_each(sides, _configuration))
            for service_id, sides in services.items()
            if _differ(sides, _configuration)
        ],
        "settings": [entry for service_id, sides in services.items() for entry in _settings(service_id, sides)],
    }


def _component(sides: Sides) -> Iterable[dict[str, Any] | None]:
    """Both sides, where there are two without the members that are the same on both."""
    here, there = _each(sides, _members)
    if here is None or there is None:
        return here, there
    names = [name for name in here if here[name] != there[name]]
    return {name: here[name] for name in names}, {name: there[name] for name in names}


def _members(placed: Placed) -> dict[str, Any]:
    workload = placed.workload
    return {
        "image": workload.image,
        "target": placed.target,
        "replicas": workload.replicas,
        "health": workload.health.document(),
    }


def _configuration(placed: Placed) -> str | None:
    return placed.configuration_id


def _settings(service_id: str, sides: Sides) -> list[dict[str, Any]]:
    here, there = ({} if placed is None else placed.workload.env for placed in sides)
    return [
        _difference({"serviceId": service_id, "key": key}, _value(here.get(key)), _value(there.get(key)))
        for key in sorted({*here, *there})
        if here.get(key) != there.get(key)
    ]


def _value(value: str | SecretReference | None) -> str | None:
    """As a person may read it: a reference by its address in the vault, a text cut to `LONGEST`."""
    if isinstance(value, SecretReference):
        return f"keyvault:{value.vault_uri.rstrip('/')}/secrets/{value.secret_name}/{value.version}"
    if value is None or len(value) <= LONGEST:
        return value
    return f"{value[:LONGEST]}… ({len(value)} characters, sha256 {sha256(value)[:HASH_DIGITS]})"


def _each(sides: Sides, of: Callable[[Placed], Any]) -> tuple[Any, Any]:
    here, there = sides
    return None if here is None else of(here), None if there is None else of(there)


def _differ(sides: Sides, of: Callable[[Placed], Any]) -> bool:
    here, there = _each(sides, of)
    return bool(here != there)


def _difference(subject: dict[str, Any], here: Any, there: Any) -> dict[str, Any]:
    sides = {"from": here, "to": there}
    return {**subject, **{name: side for name, side in sides.items() if side is not None}}
