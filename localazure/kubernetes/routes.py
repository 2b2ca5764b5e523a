"""Which resource a path of the Kubernetes API names.

`/api/v1/…` is the core group, `/apis/{group}/{version}/…` the others; then `namespaces/{namespace}/` for what lives in one,
the plural, and the name and subresource. Paths of groups that are not served are unknown to the server (404, plain text);
resources of a served group that the stand-in lacks are not emulated (501).
"""

from __future__ import annotations

from dataclasses import dataclass

from localazure.kubernetes.kinds import NAMESPACE, Kind, find, serves
from localazure.kubernetes.status import Refusal, not_emulated


@dataclass(frozen=True)
class Route:
    kind: Kind
    namespace: str = ""  # "" for what has none, and for lists across all namespaces
    name: str = ""
    subresource: str = ""


def route(segments: tuple[str, ...]) -> Route | None:
    """None for a path that the server does not know. Raises 501 for what is not emulated, 404 for a wrong subresource."""
    if segments[:1] == ("api",) and len(segments) > 2:
        group, version, rest = "", segments[1], segments[2:]
    elif segments[:1] == ("apis",) and len(segments) > 3:
        group, version, rest = segments[1], segments[2], segments[3:]
    else:
        return None
    if not serves(group, version):
        return None
    if rest[0] == "namespaces" and len(rest) > 2 and not (group == "" and rest[2] in NAMESPACE.subresources):
        return _resource(group, version, rest[2:], namespace=rest[1])
    return _resource(group, version, rest, namespace="")


def _resource(group: str, version: str, rest: tuple[str, ...], *, namespace: str) -> Route:
    kind = find(group, version, rest[0])
    if kind is None:
        raise not_emulated(f"{rest[0]}.{group}" if group else rest[0])
    name, subresource = (*rest[1:], "", "")[:2]
    misplaced = kind.namespaced != bool(namespace) if name else bool(namespace) and not kind.namespaced
    if len(rest) > 3 or misplaced:
        raise Refusal(404, "the server could not find the requested resource")
    if subresource and subresource not in kind.subresources:
        raise not_emulated(f"{kind.plural}/{subresource}")
    return Route(kind, namespace, name, subresource)
