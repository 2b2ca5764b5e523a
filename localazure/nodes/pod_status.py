"""What a kubelet says of a pod: its conditions, its containers, its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.clock import stamp
from localazure.layout import LOOPBACK
from localazure.workloads.images import pinned
from localazure.workloads.port import Replica


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
