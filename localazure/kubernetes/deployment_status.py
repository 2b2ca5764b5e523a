"""The status of a deployment, as `kubectl rollout status` and the platform's gate read it (pure).

Counts that are zero are absent, as on the wire of the real API. `Progressing` keeps the time of the last progress in
`lastUpdateTime`; without any for `progressDeadlineSeconds` it turns False, ProgressDeadlineExceeded, until there is
progress again or a new template. Source: kubernetes, pkg/controller/deployment/progress.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.clock import seconds_since, stamp
from localazure.kubernetes.rollout import Limits

AVAILABLE_NEW_SET = "NewReplicaSetAvailable"
_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")


def status_of(
    deployment: Object, new: Object | None, sets: Sequence[Object], bounds: Limits, event: str | None
) -> dict[str, Any]:
    """`event` is the reason to note when this pass made or found the set of a new template."""
    standing: Mapping[str, Any] = deployment.get("status") or {}
    available = _sum(sets, "availableReplicas")
    counts = {
        "replicas": _sum(sets, "replicas"),
        "updatedReplicas": _sum([new] if new else [], "replicas"),
        "readyReplicas": _sum(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(each["spec"]["replicas"] for each in sets) - available),
    }
    held = {row["type"]: row for row in standing.get("conditions", ())}
    enough = available >= bounds.desired - bounds.unavailable
    conditions = [
        _condition(
            held.get("Available"),
            "Available",
            enough,
            "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        )
    ]
    if progressing := _progressing(deployment, new, counts, held.get("Progressing"), event):
        conditions.append(progressing)
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        **{name: counts[name] for name in _COUNTS if counts[name]},
        "conditions": conditions,
    }


def seconds_left(deployment: Object) -> float | None:
    """How long the rollout may still go without progress; None when nothing is being waited for."""
    for row in (deployment.get("status") or {}).get("conditions", ()):
        if row["type"] == "Progressing" and row["status"] == "True" and row["reason"] != AVAILABLE_NEW_SET:
            return max(0.05, _deadline(deployment) - seconds_since(row["lastUpdateTime"]))
    return None


def _progressing(
    deployment: Object, new: Object | None, counts: Mapping[str, int], held: Mapping[str, Any] | None, event: str | None
) -> dict[str, Any] | None:
    name = new["metadata"]["name"] if new else deployment["metadata"]["name"]
    if event is not None:
        done = "Created new" if event == "NewReplicaSetCreated" else "Found new"
        held = _condition(held, "Progressing", True, event, f'{done} replica set "{name}"', progress=True)
    if held is not None and held["reason"] == AVAILABLE_NEW_SET and counts["replicas"] == counts["updatedReplicas"]:
        return dict(held)
    desired = deployment["spec"]["replicas"]
    if counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == desired and new is not None:
        message = f'ReplicaSet "{name}" has successfully progressed.'
        return _condition(held, "Progressing", True, AVAILABLE_NEW_SET, message, progress=True)
    if _progressed(deployment, counts):
        message = f'ReplicaSet "{name}" is progressing.'
        return _condition(held, "Progressing", True, "ReplicaSetUpdated", message, progress=True)
    if held is None or held["status"] == "False":
        return None if held is None else dict(held)
    if held["reason"] != AVAILABLE_NEW_SET and seconds_since(held["lastUpdateTime"]) > _deadline(deployment):
        message = f'ReplicaSet "{name}" has timed out progressing.'
        return _condition(held, "Progressing", False, "ProgressDeadlineExceeded", message, progress=True)
    return dict(held)


def _progressed(deployment: Object, counts: Mapping[str, int]) -> bool:
    """More replicas are new, ready or available than before, or fewer are old."""
    before: Mapping[str, int] = deployment.get("status") or {}

    def was(name: str) -> int:
        return before.get(name, 0)

    fewer_old = counts["replicas"] - counts["updatedReplicas"] < was("replicas") - was("updatedReplicas")
    more = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return fewer_old or any(counts[name] > was(name) for name in more)


def _deadline(deployment: Object) -> float:
    return float(deployment["spec"].get("progressDeadlineSeconds", 600))


def _condition(
    held: Mapping[str, Any] | None, kind: str, holds: bool, reason: str, message: str, *, progress: bool = False
) -> dict[str, Any]:
    status = "True" if holds else "False"
    if held is not None and not progress and (held["status"], held["reason"]) == (status, reason):
        return dict(held)
    turned = held is None or held["status"] != status
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": stamp(),
        "lastTransitionTime": stamp() if turned or held is None else held["lastTransitionTime"],
    }


def _sum(sets: Sequence[Object], name: str) -> int:
    return sum((each.get("status") or {}).get(name, 0) for each in sets)
