"""The metrics APIs of a real cluster, as a metrics server and an adapter would serve them: from the loads that are known.

`cpu` and `memory` of a service are in percent of what one replica requests; its pods that are ready share a load evenly. An
external metric is that of the services whose name its selector names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.kubernetes import pods, selectors
from localazure.kubernetes.cabinet import Object, Objects
from localazure.kubernetes.clock import stamp
from localazure.kubernetes.identity import of_deployment, of_pod
from localazure.kubernetes.kinds import DEPLOYMENT, POD
from localazure.kubernetes.quantities import number_of, quantity_of
from localazure.workloads.loads import Loads

RESOURCE, CUSTOM, EXTERNAL = "metrics.k8s.io/v1beta1", "custom.metrics.k8s.io/v1beta2", "external.metrics.k8s.io/v1beta1"
VERSIONS = (RESOURCE, CUSTOM, EXTERNAL)

Json = dict[str, Any]


class Metrics:
    def __init__(self, objects: Objects, loads: Loads) -> None:
        self._objects = objects
        self._loads = loads

    def routes(self) -> list[Route]:
        namespace = "/namespaces/{namespace}"
        return [
            *(Route(f"/apis/{version}", _discovery(version)) for version in VERSIONS),
            Route(f"/apis/{RESOURCE}{namespace}/pods", self._pods),
            Route(f"/apis/{CUSTOM}{namespace}/pods/*/{{metric}}", self._of_pods),
            Route(f"/apis/{EXTERNAL}{namespace}/{{metric}}", self._external),
        ]

    async def _pods(self, request: Request) -> Response:
        items = [row for pod in self._chosen(request) if (row := self._usage(pod)) is not None]
        return JSONResponse({"kind": "PodMetricsList", "apiVersion": RESOURCE, "metadata": {}, "items": items})

    async def _of_pods(self, request: Request) -> Response:
        metric = request.path_params["metric"]
        items = []
        for pod in self._chosen(request):
            share = self._shares(pod).get(metric)
            if share is not None:
                items.append(
                    {
                        "describedObject": {
                            "kind": "Pod",
                            "apiVersion": "/v1",
                            "namespace": pod["metadata"]["namespace"],
                            "name": pod["metadata"]["name"],
                        },
                        "metric": {"name": metric},
                        "timestamp": stamp(),
                        "value": quantity_of(share),
                    }
                )
        return JSONResponse({"kind": "MetricValueList", "apiVersion": CUSTOM, "metadata": {}, "items": items})

    async def _external(self, request: Request) -> Response:
        metric, namespace = request.path_params["metric"], request.path_params["namespace"]
        matches = selectors.labels(request.query_params.get("labelSelector", ""))
        items = []
        for deployment in self._objects.all(DEPLOYMENT, namespace):
            labels = {"queue": deployment["metadata"]["name"]}
            load = self._loads.of(*of_deployment(deployment)).get(metric)
            if load is not None and matches({"metadata": {"labels": labels}}):
                items.append(
                    {"metricName": metric, "metricLabels": labels, "timestamp": stamp(), "value": quantity_of(load)}
                )
        return JSONResponse({"kind": "ExternalMetricValueList", "apiVersion": EXTERNAL, "metadata": {}, "items": items})

    def _chosen(self, request: Request) -> Iterator[Object]:
        """The ready pods that a selector chooses."""
        matches = selectors.labels(request.query_params.get("labelSelector", ""))
        for pod in self._objects.all(POD, request.path_params["namespace"]):
            if pods.is_ready(pod) and not pod["metadata"].get("deletionTimestamp") and matches(pod):
                yield pod

    def _shares(self, pod: Object) -> Mapping[str, float]:
        """What each ready pod of the service has to bear."""
        place = of_pod(pod)
        loads = self._loads.of(*place)
        ready = [one for one in self._objects.all(POD, pod["metadata"]["namespace"]) if pods.is_ready(one)]
        count = sum(1 for one in ready if of_pod(one) == place)
        return {metric: load / max(1, count) for metric, load in loads.items()}

    def _usage(self, pod: Object) -> Json | None:
        shares = self._shares(pod)
        containers = []
        for container in pod["spec"]["containers"]:
            requests = (container.get("resources") or {}).get("requests") or {}
            usage = {
                name: quantity_of(shares[name] / 100 * number_of(requests[name]))
                for name in ("cpu", "memory")
                if name in shares and name in requests
            }
            containers.append({"name": container["name"], "usage": usage})
        if not any(container["usage"] for container in containers):
            return None
        metadata = {name: pod["metadata"].get(name) for name in ("name", "namespace", "labels")}
        return {"metadata": metadata, "timestamp": stamp(), "window": "15s", "containers": containers}


def _discovery(version: str) -> Any:
    rows = {
        RESOURCE: [
            {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
        ],
        CUSTOM: [{"name": "pods/*", "singularName": "", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]}],
        EXTERNAL: [
            {"name": "*", "singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}
        ],
    }

    async def discovery(_request: Request) -> Response:
        told = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows[version]}
        return JSONResponse(told)

    return discovery
