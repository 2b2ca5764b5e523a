"""The autoscaler controller, as far as it needs no metrics: a deployment stays within its bounds.

There are no metrics here, so a replica count inside [minReplicas, maxReplicas] is left alone, and ScalingActive says so.
A deployment scaled to zero is not touched, as on a real cluster.
"""

from __future__ import annotations

from typing import Any

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.clock import stamp
from localazure.kubernetes.kinds import AUTOSCALER, DEPLOYMENT
from localazure.kubernetes.ownership import Owner
from localazure.kubernetes.registry import Registry
from localazure.kubernetes.replica_sets import CONTROLLER_STATUS

# The controller writes through the scale subresource; this is its manager name on a real cluster.
_SCALER = Owner("kube-controller-manager", subresource="scale")


class Autoscaling:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def reconcile(self, namespace: str, name: str) -> None:
        """Bring the target of one autoscaler within its bounds; always settled afterwards."""
        scaler = self._registry.cabinet.get(AUTOSCALER, namespace, name)
        if scaler is None or scaler["metadata"].get("deletionTimestamp"):
            return
        target = scaler["spec"]["scaleTargetRef"]
        deployment = None
        if target["kind"] == DEPLOYMENT.kind:
            deployment = self._registry.cabinet.get(DEPLOYMENT, namespace, target["name"])
        if deployment is None:
            self._report(scaler, {"currentReplicas": 0, "desiredReplicas": 0}, able=False, active=False, limited="")
            return
        current = deployment["spec"]["replicas"]
        desired = min(max(current, scaler["spec"]["minReplicas"]), scaler["spec"]["maxReplicas"]) if current else 0
        if desired != current:
            self._scale(namespace, target["name"], desired)
        limited = "TooFewReplicas" if desired > current else "TooManyReplicas" if desired < current else ""
        counts = {"currentReplicas": deployment.get("status", {}).get("replicas", 0), "desiredReplicas": desired}
        self._report(scaler, counts, able=True, active=bool(current), limited=limited)

    def targeting(self, namespace: str, deployment: str) -> list[str]:
        """The autoscalers of a deployment, by name."""
        return [
            scaler["metadata"]["name"]
            for scaler in self._registry.cabinet.all(AUTOSCALER, namespace)
            if scaler["spec"]["scaleTargetRef"]["name"] == deployment
        ]

    def _scale(self, namespace: str, name: str, replicas: int) -> None:
        self._registry.update(
            DEPLOYMENT,
            namespace,
            name,
            lambda standing: {**standing, "spec": {**standing["spec"], "replicas": replicas}},
            _SCALER,
        )

    def _report(self, scaler: Object, counts: dict[str, int], *, able: bool, active: bool, limited: str) -> None:
        standing: dict[str, Any] = scaler.get("status") or {}
        held = {row["type"]: row for row in standing.get("conditions", ())}
        conditions = [
            _condition(held.get("AbleToScale"), "AbleToScale", able, "SucceededGetScale" if able else "FailedGetScale"),
            _condition(
                held.get("ScalingActive"),
                "ScalingActive",
                False,
                "FailedGetResourceMetric" if active else "ScalingDisabled",
            ),
            _condition(held.get("ScalingLimited"), "ScalingLimited", bool(limited), limited or "DesiredWithinRange"),
        ]
        status: dict[str, Any] = {**counts, "conditions": conditions}
        if limited:
            status["lastScaleTime"] = stamp()
        elif "lastScaleTime" in standing:
            status["lastScaleTime"] = standing["lastScaleTime"]
        if status != standing:
            place = (scaler["metadata"]["namespace"], scaler["metadata"]["name"])
            self._registry.update(AUTOSCALER, *place, lambda thing: {**thing, "status": status}, CONTROLLER_STATUS)


def _condition(held: dict[str, Any] | None, kind: str, holds: bool, reason: str) -> dict[str, Any]:
    status = "True" if holds else "False"
    if held is not None and (held["status"], held["reason"]) == (status, reason):
        return held
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": stamp()}
