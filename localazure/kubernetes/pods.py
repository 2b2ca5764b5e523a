"""Pods as the replica set controller makes them, and what their status says.

Every pod's address is loopback, so a pod is told apart by its port: the first `containerPort` of the *pod* is its own,
as a mutating admission webhook sets it; the template keeps what was applied. A template without ports gets none. There is
one node and no scheduler: a pod is made for it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.kinds import REPLICA_SET, Kind

NODE = "local"


def controller_reference(kind: Kind, owner: Object) -> dict[str, Any]:
    metadata = owner["metadata"]
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def draft(replica_set: Object, draw: Callable[[], int]) -> Object:
    """A new pod of the set; `draw` gives it its port."""
    template = copy.deepcopy(replica_set["spec"]["template"])
    held = template.get("metadata") or {}
    metadata = {
        "generateName": f"{replica_set['metadata']['name']}-",
        "labels": held.get("labels") or {},
        "ownerReferences": [controller_reference(REPLICA_SET, replica_set)],
    }
    if held.get("annotations"):
        metadata["annotations"] = held["annotations"]
    spec = {**template["spec"], "nodeName": NODE}
    if ports := spec["containers"][0].get("ports"):
        ports[0]["containerPort"] = draw()
    return {"metadata": metadata, "apiVersion": "v1", "kind": "Pod", "spec": spec}


def is_ending(thing: Object) -> bool:
    return "deletionTimestamp" in thing["metadata"]


def is_ready(pod: Object) -> bool:
    return ready_since(pod) is not None


def ready_since(pod: Object) -> str | None:
    """When the pod became ready; None while it is not."""
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return str(condition["lastTransitionTime"])
    return None
