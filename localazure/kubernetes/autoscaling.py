"""The autoscaler controller: a deployment stays within its bounds and follows the load that its metrics show.

The load is what `POST /workloads/load` of the control API says (`localazure.workloads.loads`); a metric nobody spoke of
cannot be measured, the count inside [minReplicas, maxReplicas] is then left alone, and ScalingActive says why. Growth is
limited as by the default policies (double, or four more, in 15 s); a decrease waits until it was wanted for the whole
stabilization window (`behavior.scaleDown.stabilizationWindowSeconds`, 300 s by default). The windows begin anew with the
process, as with a restarted controller. A deployment scaled to zero is not touched. Not emulated: policies of `behavior`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from localazure.kubernetes.autoscaler_metrics import Running, Unmeasured, propose
from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.clock import stamp
from localazure.kubernetes.identity import of_deployment
from localazure.kubernetes.kinds import AUTOSCALER, DEPLOYMENT
from localazure.kubernetes.ownership import Owner
from localazure.kubernetes.registry import Registry
from localazure.kubernetes.replica_sets import CONTROLLER_STATUS
from localazure.workloads.loads import Loads

# The controller writes through the scale subresource; this is its manager name on a real cluster.
_SCALER = Owner("kube-controller-manager", subresource="scale")
SYNC = 1.0  # seconds between two looks at the metrics; 15 on a real cluster
_GROWTH_SECONDS = 15.0
_STABLE_SECONDS = 300.0


@dataclass(frozen=True)
class _Verdict:
    """What to do. A condition is (holds, reason, message); one that is None stays as it was."""

    desired: int
    able: tuple[bool, str, str]
    active: tuple[bool, str, str] | None = None
    limited: tuple[bool, str, str] | None = None
    metrics: Any = None


class Autoscaling:
    def __init__(self, registry: Registry, loads: Loads) -> None:
        self._registry = registry
        self._loads = loads
        self._wanted: dict[str, list[tuple[float, int]]] = defaultdict(list)  # by uid: when which count was proposed
        self._sizes: dict[str, list[tuple[float, int]]] = defaultdict(list)  # by uid: when which count was left behind

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring the target of one autoscaler to where it should be; seconds until the next look at its metrics."""
        scaler = self._registry.cabinet.get(AUTOSCALER, namespace, name)
        if scaler is None or scaler["metadata"].get("deletionTimestamp"):
            return None
        target = scaler["spec"]["scaleTargetRef"]
        deployment = None
        if target["kind"] == DEPLOYMENT.kind:
            deployment = self._registry.cabinet.get(DEPLOYMENT, namespace, target["name"])
        if deployment is None:
            missing = f'deployments/scale.apps "{target["name"]}" not found'
            self._report(
                scaler, 0, _Verdict(0, (False, "FailedGetScale", f"the HPA controller was unable to get: {missing}"))
            )
            return None
        current = deployment["spec"]["replicas"]
        verdict = self._judge(scaler, deployment)
        if verdict.desired != current:
            self._sizes[scaler["metadata"]["uid"]].append((time.monotonic(), current))
            self._scale(namespace, target["name"], verdict.desired)
        self._report(scaler, deployment.get("status", {}).get("replicas", 0), verdict, scaled=verdict.desired != current)
        return SYNC

    def forget(self, uid: str) -> None:
        """An autoscaler is gone."""
        self._wanted.pop(uid, None)
        self._sizes.pop(uid, None)

    def targeting(self, namespace: str, deployment: str) -> list[str]:
        """The autoscalers of a deployment, by name."""
        return [
            scaler["metadata"]["name"]
            for scaler in self._registry.cabinet.all(AUTOSCALER, namespace)
            if scaler["spec"]["scaleTargetRef"]["name"] == deployment
        ]

    def _judge(self, scaler: Object, deployment: Object) -> _Verdict:
        spec, current = scaler["spec"], deployment["spec"]["replicas"]
        got = (True, "SucceededGetScale", "the HPA controller was able to get the target's current scale")
        if not current:
            disabled = "scaling is disabled since the replica count of the target is zero"
            return _Verdict(0, got, (False, "ScalingDisabled", disabled))
        if not spec["minReplicas"] <= current <= spec["maxReplicas"]:
            bound = spec["maxReplicas"] if current > spec["maxReplicas"] else spec["minReplicas"]
            return _Verdict(bound, _rescaled(bound))
        try:
            proposal = propose(spec["metrics"], self._running(deployment))
        except Unmeasured as unmeasured:
            active = (False, unmeasured.reason, f"the HPA was unable to compute the replica count: {unmeasured}")
            return _Verdict(current, got, active)
        desired, able = self._stabilized(scaler, current, proposal.replicas)
        desired, limited = self._bounded(scaler, current, desired)
        active = (True, "ValidMetricFound", "the HPA was able to successfully calculate a replica count")
        return _Verdict(desired, able if desired == current else _rescaled(desired), active, limited, proposal.shown)

    def _running(self, deployment: Object) -> Running:
        spec, ready = deployment["spec"], deployment.get("status", {}).get("readyReplicas", 0)
        return Running(spec["replicas"], ready, spec["template"], self._loads.of(*of_deployment(deployment)))

    def _stabilized(self, scaler: Object, current: int, proposed: int) -> tuple[int, tuple[bool, str, str]]:
        rules = (scaler["spec"].get("behavior") or {}).get("scaleDown") or {}
        window = rules.get("stabilizationWindowSeconds", _STABLE_SECONDS)
        now, uid = time.monotonic(), scaler["metadata"]["uid"]
        # The first proposal of a controller that has just begun stands beside the count it found.
        recent = self._wanted[uid] or [(now, current)]
        recent = [row for row in recent if row[0] >= now - window]
        self._wanted[uid] = [*recent, (now, proposed)]
        highest = max((count for _, count in self._wanted[uid]), default=proposed)
        if proposed < current and highest > proposed:
            message = "recent recommendations were higher than current one, applying the highest recent recommendation"
            return min(highest, current), (True, "ScaleDownStabilized", message)
        return proposed, (True, "ReadyForNewScale", "recommended size matches current size")

    def _bounded(self, scaler: Object, current: int, wanted: int) -> tuple[int, tuple[bool, str, str]]:
        spec, now, uid = scaler["spec"], time.monotonic(), scaler["metadata"]["uid"]
        self._sizes[uid] = [row for row in self._sizes[uid] if row[0] >= now - _GROWTH_SECONDS]
        began = min([current, *(count for _, count in self._sizes[uid])])
        growth = max(2 * began, began + 4)
        if wanted > spec["maxReplicas"] and spec["maxReplicas"] <= growth:
            message = "the desired replica count is more than the maximum replica count"
            return spec["maxReplicas"], (True, "TooManyReplicas", message)
        if wanted > growth:
            message = "the desired replica count is increasing faster than the maximum scale rate"
            return max(growth, current), (True, "ScaleUpLimit", message)
        if wanted < spec["minReplicas"]:
            message = "the desired replica count is less than the minimum replica count"
            return spec["minReplicas"], (True, "TooFewReplicas", message)
        return wanted, (False, "DesiredWithinRange", "the desired count is within the acceptable range")

    def _scale(self, namespace: str, name: str, replicas: int) -> None:
        self._registry.update(
            DEPLOYMENT,
            namespace,
            name,
            lambda standing: {**standing, "spec": {**standing["spec"], "replicas": replicas}},
            _SCALER,
        )

    def _report(self, scaler: Object, replicas: int, verdict: _Verdict, *, scaled: bool = False) -> None:
        standing: dict[str, Any] = scaler.get("status") or {}
        held = {row["type"]: row for row in standing.get("conditions", ())}
        told = {"AbleToScale": verdict.able, "ScalingActive": verdict.active, "ScalingLimited": verdict.limited}
        conditions = [
            held[kind] if said is None else _condition(held.get(kind), kind, said)
            for kind, said in told.items()
            if said is not None or kind in held
        ]
        status: dict[str, Any] = {
            "currentReplicas": replicas,
            "desiredReplicas": verdict.desired,
            "conditions": conditions,
            **({"currentMetrics": verdict.metrics} if verdict.metrics else {}),
        }
        if scaled:
            status["lastScaleTime"] = stamp()
        elif "lastScaleTime" in standing:
            status["lastScaleTime"] = standing["lastScaleTime"]
        if status != standing:
            place = (scaler["metadata"]["namespace"], scaler["metadata"]["name"])
            self._registry.update(AUTOSCALER, *place, lambda thing: {**thing, "status": status}, CONTROLLER_STATUS)


def _rescaled(replicas: int) -> tuple[bool, str, str]:
    return True, "SucceededRescale", f"the HPA controller was able to update the target scale to {replicas}"


def _condition(held: dict[str, Any] | None, kind: str, said: tuple[bool, str, str]) -> dict[str, Any]:
    holds, reason, message = said
    told = {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}
    if held is not None and all(held.get(name) == value for name, value in told.items()):
        return held
    turned = held is None or held["status"] != told["status"]
    return {**told, "lastTransitionTime": stamp() if held is None or turned else held["lastTransitionTime"]}
