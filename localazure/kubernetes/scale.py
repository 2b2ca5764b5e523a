"""The `scale` subresource: a deployment or replica set as autoscaling/v1 Scale, and back.

A write of a scale changes `spec.replicas` of the object and is owned under the subresource "scale".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.status import Refusal


def scale_of(thing: Object) -> Object:
    metadata = thing["metadata"]
    shown = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = thing["spec"]["selector"].get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in shown if name in metadata},
        "spec": {"replicas": thing["spec"]["replicas"]},
        "status": {
            "replicas": thing.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(selector.items())),
        },
    }


def rescaled(thing: Object, scale: Mapping[str, Any]) -> Object:
    """The object with the replicas of the scale. Raises 400 for a scale without a number."""
    spec = scale.get("spec") or {}
    replicas = spec.get("replicas", 0) if isinstance(spec, Mapping) else None
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise Refusal(400, "Scale in version 'v1' cannot be handled as a Scale: spec.replicas must be an integer")
    metadata = dict(thing["metadata"])
    claimed = scale.get("metadata") or {}
    if isinstance(claimed, Mapping) and claimed.get("resourceVersion"):
        metadata["resourceVersion"] = claimed["resourceVersion"]
    return {**thing, "metadata": metadata, "spec": {**thing["spec"], "replicas": replicas}}
