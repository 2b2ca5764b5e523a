"""Who wrote a field of a service last, from the book that the API server keeps (`metadata.managedFields`). Pure.

A field is ours while one of our managers holds it, whoever else applied the same value: a change by somebody else takes it
away from us. A field that nobody holds (its default, or a book that was cleared) has no holder: that is never guessed.
Source: kubernetes.io, Server-Side Apply, "Field management".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.targets.port import Field, Holder

Json = dict[str, Any]

OURS: Final = "runtime-cloud"  # the managers of this platform begin with it
_SCALE: Final = "scale"  # the subresource that autoscalers write through, and only they
_CONTAINERS: Final = ("f:spec", "f:template", "f:spec", "f:containers")
_SETTINGS: Final = frozenset({"f:env", "f:envFrom"})


def holders(deployment: Json, config_maps: Sequence[Json]) -> dict[Field, Holder]:
    """`config_maps`: those that its container takes variables from."""
    image, settings, replicas = set(), set(), set()
    for row in _book(deployment):
        fields = row.get("fieldsV1") or {}
        spec = fields.get("f:spec") or {}
        if "f:replicas" in spec:
            replicas.add(_holder(row))
        for container in _within(fields, _CONTAINERS).values():
            if "f:image" in container:
                image.add(_holder(row))
            if _SETTINGS & container.keys():
                settings.add(_holder(row))
    for one in config_maps:
        settings |= {_holder(row) for row in _book(one) if "f:data" in (row.get("fieldsV1") or {})}
    found = {Field.IMAGE: _one(image), Field.SETTINGS: _foreign(settings), Field.REPLICAS: _one(replicas)}
    return {field: holder for field, holder in found.items() if holder is not None}


def _book(thing: Json) -> list[Json]:
    return list(thing["metadata"].get("managedFields") or [])


def _within(fields: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    for name in path:
        fields = fields.get(name) or {}
    return fields


def _holder(row: Mapping[str, Any]) -> Holder:
    if str(row.get("manager", "")).startswith(OURS):
        return Holder.PLATFORM
    return Holder.AUTOSCALER if row.get("subresource") == _SCALE and _is_controller(row) else Holder.SOMEBODY


def _is_controller(row: Mapping[str, Any]) -> bool:
    """`kubectl scale` writes through the subresource too, under its own name."""
    return not str(row.get("manager", "")).startswith("kubectl")


def _one(among: set[Holder]) -> Holder | None:
    """Of one field: several hold it only while they agree on its value."""
    order = (Holder.PLATFORM, Holder.AUTOSCALER, Holder.SOMEBODY)
    return next((holder for holder in order if holder in among), None)


def _foreign(among: set[Holder]) -> Holder | None:
    """Of many fields: who came from outside is who explains a difference."""
    return Holder.SOMEBODY if Holder.SOMEBODY in among else _one(among)
