"""How lists and maps of the served kinds merge: the x-kubernetes-list-type, -list-map-keys and -map-type of the API.

Server-side apply tells items of a list apart by the keys here; strategic merge patches by the first of them (patchMergeKey,
which for ports is the port alone). A list that is not named here is atomic: it is replaced and owned as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Names = tuple[str, ...]  # field names on the way from the root, list positions left out

_LIST_KEYS: dict[str, Names] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
    "podIPs": ("ip",),
    "resourceClaims": ("name",),
}
_PORTS = {"containers": ("containerPort", "protocol"), "initContainers": ("containerPort", "protocol")}
_KEY_DEFAULTS = {"protocol": "TCP"}
_SETS = {"finalizers"}
_ATOMIC_MAPS = {
    "selector",
    "labelSelector",
    "nodeSelector",
    "configMapKeyRef",
    "secretKeyRef",
    "fieldRef",
    "resourceFieldRef",
    "scaleTargetRef",
    "targetRef",
}


def keys_of(names: Names) -> Names | None:
    """The keys that tell the items of the list at this place apart; None for a list that has none."""
    if names[-1] == "ports":
        return _PORTS.get(names[-2], ("port", "protocol")) if len(names) > 1 else None
    return _LIST_KEYS.get(names[-1])


def is_set(names: Names) -> bool:
    return names[-1] in _SETS


def is_atomic_map(names: Names) -> bool:
    return bool(names) and names[-1] in _ATOMIC_MAPS


def item_key(item: Any, keys: Names) -> Names:
    """What identifies an item; absent keys count with the value that the API server fills in."""
    if not isinstance(item, Mapping):
        return (repr(item),)
    return tuple(repr(item.get(key, _KEY_DEFAULTS.get(key))) for key in keys)


def item_fields(item: Mapping[str, Any], keys: Names) -> dict[str, Any]:
    return {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in keys}
