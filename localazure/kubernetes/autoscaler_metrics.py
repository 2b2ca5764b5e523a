"""What an autoscaler makes of its metrics: the replicas that would bring each to its target (pure).

The rules are those of the autoscaler of Kubernetes (pkg/controller/podautoscaler): within a tenth of the target nothing
changes, of several metrics the one that wants most decides, and one that cannot be measured keeps the others from
scaling down. Not emulated: `Object` and `ContainerResource` metrics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localazure.kubernetes.quantities import number_of, quantity_of

TOLERANCE = 0.1


class Unmeasured(Exception):
    """A metric without a value; `reason` is that of the condition ScalingActive."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Running:
    """What is measured: the replicas that are wanted and that are ready, the template, the load that they share."""

    replicas: int
    ready: int
    template: Mapping[str, Any]
    loads: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """What a metric wants, and its row of `status.currentMetrics`."""

    replicas: int
    shown: Mapping[str, Any]


@dataclass(frozen=True)
class Proposal:
    replicas: int
    shown: Sequence[Mapping[str, Any]]


def propose(metrics: Sequence[Mapping[str, Any]], running: Running) -> Proposal:
    """Raises `Unmeasured` when no metric has a value, or when one has none and the others would scale down."""
    measured: list[Measured] = []
    missing: Unmeasured | None = None
    for metric in metrics:
        try:
            measured.append(measure(metric, running))
        except Unmeasured as unmeasured:
            missing = missing or unmeasured
    most = max((one.replicas for one in measured), default=0)
    if missing is not None and most <= running.replicas:
        raise missing
    return Proposal(most, [one.shown for one in measured])


def measure(metric: Mapping[str, Any], running: Running) -> Measured:
    """Raises `Unmeasured`."""
    kind = metric["type"]
    source = metric.get(kind[:1].lower() + kind[1:]) or {}
    if kind == "Resource":
        return _resource(source, running)
    if kind in ("Pods", "External"):
        return _counted(kind, source, running)
    raise Unmeasured("InvalidMetricSourceType", f"the metric source type {kind} is not emulated")


def _resource(source: Mapping[str, Any], running: Running) -> Measured:
    name, target = source["name"], source["target"]
    load = _load("FailedGetResourceMetric", name, running, of_pods=True)
    each = load / running.ready  # percent of what a pod requests
    request = _request(name, running.template)
    if target["type"] == "Utilization":
        wanted = load / target["averageUtilization"]
    else:
        wanted = load / 100 * request / number_of(target["averageValue"])
    current = {"averageUtilization": int(each), "averageValue": quantity_of(each / 100 * request)}
    return Measured(_tolerant(wanted, running), {"type": "Resource", "resource": {"name": name, "current": current}})


def _counted(kind: str, source: Mapping[str, Any], running: Running) -> Measured:
    metric, target = source["metric"], source["target"]
    load = _load(f"FailedGet{kind}Metric", metric["name"], running, of_pods=kind == "Pods")
    if target["type"] == "AverageValue":
        wanted = load / number_of(target["averageValue"])
        current = {"averageValue": quantity_of(load / max(1, running.ready if kind == "Pods" else running.replicas))}
    else:
        wanted = load / number_of(target["value"]) * running.ready
        current = {"value": quantity_of(load)}
    return Measured(_tolerant(wanted, running), {"type": kind, kind.lower(): {"metric": metric, "current": current}})


def _load(reason: str, name: str, running: Running, *, of_pods: bool) -> float:
    if name not in running.loads:
        raise Unmeasured(reason, f"unable to get metric {name}: no metrics returned")
    if of_pods and not running.ready:
        raise Unmeasured(reason, "did not receive metrics for targeted pods (pods might be unready)")
    return running.loads[name]


def _request(name: str, template: Mapping[str, Any]) -> float:
    """What the containers of a pod request together."""
    total = 0.0
    for container in template["spec"]["containers"]:
        quantity = ((container.get("resources") or {}).get("requests") or {}).get(name)
        if quantity is None:
            raise Unmeasured("FailedGetResourceMetric", f"missing request for {name} in container {container['name']}")
        total += number_of(quantity)
    return total


def _tolerant(wanted: float, running: Running) -> int:
    if abs(wanted / running.replicas - 1.0) <= TOLERANCE:
        return running.replicas
    return math.ceil(round(wanted, 6))
