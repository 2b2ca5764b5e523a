"""How many replicas a cluster is to run: a plain count, or an autoscaler with its bounds. Pure.

A horizontal pod autoscaler needs one replica at least, since it has nothing to measure at none: `scaleToZero` is 1 here.
"""

from __future__ import annotations

from typing import Any, Final

from shared.targets import aks_objects as objects
from shared.targets.port import Measure, ObservedBounds, Scaling, Site, Stamp, Workload

Json = dict[str, Any]

_NOMINAL: Final = 100  # requests a second, or waiting messages, that one replica takes at 100 %
_REQUESTS: Final = "http_requests_per_second"
_MESSAGES: Final = "servicebus_active_messages"


def count(site: Site, service_id: str, replicas: int, version: str) -> Json:
    """The one field that has a manager of its own; see `aks_objects`."""
    metadata = {
        "name": objects.object_name(service_id),
        "namespace": objects.namespace_of(site),
        "resourceVersion": version,
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas}}


def autoscaler(site: Site, stamp: Stamp, workload: Workload, policy: Scaling, version: str | None = None) -> Json:
    metadata = objects.about(site, workload.service_id)
    metadata["annotations"] |= objects.marks(stamp)
    if version is not None:
        metadata["resourceVersion"] = version
    least, most = bounds(workload)
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [_metric(workload.service_id, policy)],
    }
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def bounds(workload: Workload) -> tuple[int, int]:
    """The least and the most replicas; both the plain count where there is no policy."""
    policy = workload.scaling
    if policy is None:
        return workload.replicas, workload.replicas
    least = 1 if policy.scale_to_zero else max(1, policy.min_replicas)
    return least, max(least, policy.max_replicas)


def _metric(service_id: str, policy: Scaling) -> Json:
    """cpu and memory of the metrics server; the others of the metrics adapter that a cluster has for them."""
    if policy.metric in ("cpu", "memory"):
        target: Json = {"type": "Utilization", "averageUtilization": policy.target_utilization_percent}
        return {"type": "Resource", "resource": {"name": policy.metric, "target": target}}
    load = str(max(1, _NOMINAL * policy.target_utilization_percent // 100))
    target = {"type": "AverageValue", "averageValue": load}
    if policy.metric == "requests":
        return {"type": "Pods", "pods": {"metric": {"name": _REQUESTS}, "target": target}}
    queue = {"matchLabels": {"queue": objects.object_name(service_id)}}
    metric = {"name": _MESSAGES, "selector": queue}
    return {"type": "External", "external": {"metric": metric, "target": target}}


def observed(autoscaler: Json | None) -> ObservedBounds | None:
    """What an autoscaler, whoever wrote it, does; None without one."""
    if autoscaler is None:
        return None
    spec = autoscaler["spec"]
    service = str((spec.get("scaleTargetRef") or {}).get("name", ""))
    return ObservedBounds(
        min_replicas=int(spec.get("minReplicas") or 1),
        max_replicas=int(spec["maxReplicas"]),
        measures=[_measure(one, service) for one in spec.get("metrics") or []],
    )


def _measure(found: Json, queue: str) -> Measure:
    """`_metric` read backwards. A queue that is not the service's own is another measure."""
    kind = str(found.get("type", ""))
    told = found.get(f"{kind[:1].lower()}{kind[1:]}") or {}
    named, target = told.get("metric") or {}, told.get("target") or {}
    name = str(told.get("name") or named.get("name") or kind)
    if kind == "Resource" and target.get("type") == "Utilization":
        return Measure(metric=name, percent=target.get("averageUtilization"))
    load = str(target.get("averageValue", ""))
    percent = int(load) * 100 // _NOMINAL if load.isdigit() else None
    if (kind, name) == ("Pods", _REQUESTS):
        return Measure(metric="requests", percent=percent)
    if (kind, name) == ("External", _MESSAGES) and (named.get("selector") or {}).get("matchLabels") == {"queue": queue}:
        return Measure(metric="queue-length", percent=percent)
    return Measure(metric=name)
