"""Bodies of requests as objects: what the API server wants of them before a kind's own rules are asked.

All raise 400 for what they cannot take.
"""

from __future__ import annotations

from typing import Any

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.routes import Route
from localazure.kubernetes.status import Refusal
from localazure.kubernetes.wire import Call


def mapping(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refusal(400, "the body of the request is not an object")
    return body


def object_of(body: Any) -> Object:
    if not isinstance(mapping(body).get("metadata"), dict):
        raise Refusal(400, "metadata is not an object")
    return dict(body)


def document(call: Call, route: Route) -> Object:
    """The object in the body, which must be of the kind, namespace and name that the path says."""
    thing = mapping(call.document())
    thing.setdefault("metadata", {})
    kind = route.kind
    said = (thing.setdefault("apiVersion", kind.api_version), thing.setdefault("kind", kind.kind))
    if said != (kind.api_version, kind.kind):
        raise Refusal(400, f"{said[1]} in version {said[0]!r} cannot be handled as a {kind.kind} in {kind.api_version!r}")
    metadata = object_of(thing)["metadata"]
    if route.name and metadata.setdefault("name", route.name) != route.name:
        raise Refusal(400, f"the name of the object ({metadata['name']}) does not match the name on the URL ({route.name})")
    if metadata.get("namespace") not in (None, "", route.namespace):
        raise Refusal(400, "the namespace of the provided object does not match the namespace sent on the request")
    return thing


def applied_scale(scale: dict[str, Any], route: Route) -> Object:
    kind = route.kind
    spec = mapping(scale.get("spec") or {})
    metadata = {"name": route.name, "namespace": route.namespace}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": metadata,
        "spec": {"replicas": spec.get("replicas")},
    }
