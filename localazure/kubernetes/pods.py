"""Pods as the replica set controller makes them and the kubelet reports them.

Every pod's address is loopback, so a pod is told apart by its port: `containers[0].ports[0].containerPort` of the *pod* is
the port on which its replica really listens, as a mutating admission webhook could set it; the template keeps what was
applied. A template without ports gets none.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.clock import stamp
from localazure.kubernetes.kinds import Kind
from localazure.layout import LOOPBACK
from localazure.workloads.images import pinned
from localazure.workloads.port import Replica

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


def draft(kind: Kind, replica_set: Object, name: str, port: int | None) -> Object:
    """A new pod of the set, listening on `port` (None: it does not run yet)."""
    template = copy.deepcopy(replica_set["spec"]["template"])
    held = template.get("metadata") or {}
    metadata = {
        "name": name,
        "generateName": f"{replica_set['metadata']['name']}-",
        "labels": held.get("labels") or {},
        "ownerReferences": [controller_reference(kind, replica_set)],
    }
    if held.get("annotations"):
        metadata["annotations"] = held["annotations"]
    spec = {**template["spec"], "nodeName": NODE}
    return with_port({"metadata": metadata, "apiVersion": "v1", "kind": "Pod", "spec": spec}, port)


def with_port(pod: Object, port: int | None) -> Object:
    """The pod with the port of its replica in place of the template's first one."""
    first, *others = pod["spec"]["containers"]
    if port is None or not first.get("ports"):
        return pod
    ports = [{**first["ports"][0], "containerPort": port}, *first["ports"][1:]]
    return {**pod, "spec": {**pod["spec"], "containers": [{**first, "ports": ports}, *others]}}


def status_of(pod: Object, replica: Replica | None, problem: str) -> dict[str, Any]:
    """What the kubelet says of a pod; `problem` is why it has no replica."""
    standing = pod.get("status") or {}
    running, ready = replica is not None, replica is not None and replica.ready
    why = "" if ready else "ContainersNotReady"
    conditions = [
        _condition(standing, "PodScheduled", True, ""),
        _condition(standing, "Initialized", True, ""),
        _condition(standing, "ContainersReady", ready, why),
        _condition(standing, "Ready", ready, why),
    ]
    statuses = [_container(standing, container, running, ready, problem) for container in pod["spec"]["containers"]]
    return {
        "phase": "Running" if running else "Pending",
        "conditions": conditions,
        "hostIP": LOOPBACK,
        "podIP": LOOPBACK,
        "podIPs": [{"ip": LOOPBACK}],
        "startTime": standing.get("startTime") or stamp(),
        "qosClass": _quality(pod["spec"]["containers"]),
        "containerStatuses": statuses,
    }


def _quality(containers: Sequence[Mapping[str, Any]]) -> str:
    """Who is evicted first: what asks for nothing, then what may use more than it asks for."""
    asked = [one.get("resources") or {} for one in containers]
    if not any(one.get("requests") or one.get("limits") for one in asked):
        return "BestEffort"
    limits = [one.get("limits") or {} for one in asked]
    requests = [{**limit, **(one.get("requests") or {})} for one, limit in zip(asked, limits, strict=True)]
    equal = all({"cpu", "memory"} <= limit.keys() for limit in limits) and limits == requests
    return "Guaranteed" if equal else "Burstable"


def is_ready(pod: Object) -> bool:
    return ready_since(pod) is not None


def ready_since(pod: Object) -> str | None:
    """When the pod became ready; None while it is not."""
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return str(condition["lastTransitionTime"])
    return None


def _container(
    standing: Mapping[str, Any], container: Mapping[str, Any], running: bool, ready: bool, problem: str
) -> dict[str, Any]:
    before = {row["name"]: row for row in standing.get("containerStatuses", ())}.get(container["name"], {})
    state = {"waiting": {"reason": "CreateContainerConfigError", "message": problem}}
    if running:
        state = before.get("state", {}) if "running" in before.get("state", {}) else {"running": {"startedAt": stamp()}}
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": pinned(container["image"]) if running else "",
        "ready": ready,
        "started": running,
        "restartCount": 0,
        "state": state,
    }


def _condition(standing: Mapping[str, Any], kind: str, holds: bool, reason: str) -> dict[str, Any]:
    status = "True" if holds else "False"
    before = {row["type"]: row for row in standing.get("conditions", ())}.get(kind)
    if before is not None and before["status"] == status:
        return dict(before)
    explained = {"reason": reason, "message": "containers with unready status"} if reason else {}
    return {"type": kind, "status": status, "lastTransitionTime": stamp(), **explained}
