"""What the stand-in and the real API server answer alike, on the wire: watches, refusals, autoscalers, pods that answer."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shared.targets.port import Scaling
from tests.targets.cloud import REAL, Cloud, Place, cloud_of, make_site, stamp, until, workload

APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"


@pytest.fixture(params=["aks", REAL])
def kubernetes(request: pytest.FixtureRequest) -> Cloud:
    return cloud_of(request)


@dataclass
class Wire:
    """Plain HTTP with the platform's own token, in a namespace of its own."""

    http: httpx.AsyncClient
    place: Place

    @property
    def namespace(self) -> str:
        return self.place.site.outputs["clusterNamespace"]

    def path(self, plural: str, group: str = "/api/v1") -> str:
        return f"{group}/namespaces/{self.namespace}/{plural}"

    async def refused(self, method: str, path: str, **request: Any) -> tuple[int, str, list[str]]:
        """Code, reason, and the fields that are wrong."""
        answer = await self.http.request(method, path, **request)
        status = answer.json()
        assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", answer.status_code), status
        fields = {cause.get("field", "") for cause in status.get("details", {}).get("causes", [])}
        return answer.status_code, status.get("reason", ""), sorted(fields)

    async def configure(self, name: str, color: str = "red", **data: str) -> dict[str, Any]:
        metadata = {"name": name, "labels": {"color": color}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        query = {"fieldManager": "test", "force": "true"}
        headers = {"Content-Type": APPLY}
        answer = await self.http.patch(f"{self.path('configmaps')}/{name}", params=query, headers=headers, json=body)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    async def events(self, count: int, **query: str) -> list[dict[str, Any]]:
        coming = self.watched("configmaps", **query)
        return [await anext(coming) for _ in range(count)]

    async def watched(self, plural: str, **query: str) -> AsyncIterator[dict[str, Any]]:
        async with asyncio.timeout(10):
            async with self.http.stream("GET", self.path(plural), params={"watch": "true", **query}) as answer:
                assert answer.status_code == 200
                async for line in answer.aiter_lines():
                    yield json.loads(line)


@pytest.fixture
async def wire(kubernetes: Cloud) -> AsyncIterator[Wire]:
    place = Place("aks", kubernetes, kubernetes.targets["aks"], await make_site(kubernetes))
    headers = {"Authorization": "Bearer good"}
    trust = ssl.create_default_context(cafile=str(kubernetes.authority))
    async with httpx.AsyncClient(base_url=kubernetes.cluster_url, headers=headers, verify=trust, trust_env=False) as http:
        metadata = {"name": place.site.outputs["clusterNamespace"]}
        await http.post("/api/v1/namespaces", json={"metadata": metadata})
        yield Wire(http, place)
    kubernetes.loads.clear()


def told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


async def test_a_watch_tells_every_change_after_a_version(wire: Wire) -> None:
    since = (await wire.configure("first"))["metadata"]["resourceVersion"]
    await wire.configure("one", a="1")
    await wire.configure("one", a="2")
    await wire.configure("one", a="2")
    await wire.http.delete(f"{wire.path('configmaps')}/one")
    seen = await wire.events(3, resourceVersion=since, labelSelector="color=red")
    assert told(seen) == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))
    assert (seen[2]["object"]["kind"], seen[2]["object"]["data"]) == ("ConfigMap", {"a": "2"})


async def test_a_watch_tells_what_begins_and_ends_to_match(wire: Wire) -> None:
    since = (await wire.configure("one", "blue"))["metadata"]["resourceVersion"]
    await wire.configure("one", "red")
    await wire.configure("one", "blue", a="1")
    await wire.configure("two", "red")
    seen = await wire.events(3, resourceVersion=since, labelSelector="color=red")
    assert told(seen) == [("ADDED", "one"), ("DELETED", "one"), ("ADDED", "two")]
    assert seen[1]["object"]["metadata"]["labels"] == {"color": "red"}  # as it last matched


async def test_a_watch_without_a_version_begins_with_what_stands_and_says_where_that_ends(wire: Wire) -> None:
    await wire.configure("one")
    asked = {"allowWatchBookmarks": "true", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    first, mark = await wire.events(2, labelSelector="color=red", **asked)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "one")
    assert (mark["type"], mark["object"]["kind"]) == ("BOOKMARK", "ConfigMap")
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"watch": "true", "sendInitialEvents": "true"}, (422, "Invalid", ["resourceVersionMatch"])),
        ({"watch": "true", "resourceVersion": "x"}, (500, "", [])),
        ({"resourceVersion": "x"}, (400, "BadRequest", [])),
        ({"continue": "zzz"}, (400, "BadRequest", [])),
        ({"labelSelector": "a in"}, (400, "BadRequest", [])),
        ({"fieldSelector": "data.a=1"}, (400, "BadRequest", [])),
        ({"limit": "many"}, (400, "BadRequest", [])),
    ],
)
async def test_what_cannot_be_listed_is_refused(wire: Wire, query: dict[str, str], expected: Any) -> None:
    assert await wire.refused("GET", wire.path("configmaps"), params=query) == expected


async def test_refusals_of_objects_have_the_same_codes_reasons_and_fields(wire: Wire) -> None:
    maps, deployments = wire.path("configmaps"), wire.path("deployments", "/apis/apps/v1")
    await wire.configure("one")
    assert await wire.refused("GET", f"{maps}/none") == (404, "NotFound", [])
    assert await wire.refused("POST", maps, json={"metadata": {"name": "one"}}) == (409, "AlreadyExists", [])
    stale = {"metadata": {"name": "one", "resourceVersion": "1"}, "data": {"a": "1"}}
    assert await wire.refused("PUT", f"{maps}/one", json=stale) == (409, "Conflict", [])
    unnamed = {"metadata": {"name": "Not_Allowed"}}
    assert await wire.refused("POST", maps, json=unnamed) == (422, "Invalid", ["metadata.name"])
    versioned, foreign = {"name": "two", "resourceVersion": "5"}, {"name": "two", "namespace": "other"}
    assert await wire.refused("POST", maps, json={"metadata": versioned}) == (500, "", [])
    assert await wire.refused("POST", maps, json={"metadata": foreign}) == (400, "BadRequest", [])
    assert await wire.refused("POST", maps, json={"metadata": {"name": "two"}, "kind": "Pod"}) == (400, "BadRequest", [])
    assert await wire.refused("POST", maps, json=[1]) == (400, "BadRequest", [])
    assert await wire.refused("PUT", f"{maps}/none", json={"metadata": {"name": "none"}}) == (404, "NotFound", [])
    bare = {"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {}}}}
    refused = await wire.refused("POST", deployments, json=bare)
    assert refused[:2] == (422, "Invalid")
    assert {"spec.template.metadata.labels", "spec.template.spec.containers"} <= set(refused[2])
    assert await wire.refused("GET", maps, headers={"Authorization": "Bearer bad"}) == (401, "Unauthorized", [])


async def test_fields_of_another_manager_are_a_conflict_that_names_them(wire: Wire) -> None:
    await wire.configure("one", a="1")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "2"}}
    path, query = f"{wire.path('configmaps')}/one", {"fieldManager": "other"}
    answer = await wire.http.patch(path, params=query, headers={"Content-Type": APPLY}, json=body)
    assert (answer.status_code, answer.json()["reason"]) == (409, "Conflict")
    assert [(one["reason"], one["field"]) for one in answer.json()["details"]["causes"]] == [
        ("FieldManagerConflict", ".data.a")
    ]
    assert 'conflict with "test"' in answer.json()["message"]


async def test_a_pod_is_ready_on_an_address_of_its_own_that_answers(wire: Wire) -> None:
    await wire.place.target.apply(wire.place.site, stamp(), workload(replicas=2))
    seen = await until(lambda: wire.place.seen("orders"), lambda one: bool(one and one.serving.settled))
    assert len(set(seen.serving.addresses)) == 2
    async with httpx.AsyncClient(trust_env=False) as client:
        for address in seen.serving.addresses:
            assert (await client.get(f"{address}/health")).json()["status"] == "Healthy"
    pods = (await wire.http.get(wire.path("pods"))).json()["items"]
    for pod in pods:
        status = pod["status"]
        assert (status["phase"], status["podIP"], status["qosClass"]) == ("Running", "127.0.0.1", "Burstable")
        assert [row["status"] for row in status["conditions"] if row["type"] in ("Ready", "PodScheduled")] == ["True"] * 2
        (container,) = status["containerStatuses"]
        assert (container["ready"], list(container["state"])) == (True, ["running"])


async def test_a_pod_that_is_no_longer_wanted_is_marked_first_and_gone_when_its_node_has_ended_it(wire: Wire) -> None:
    await wire.place.target.apply(wire.place.site, stamp(), workload(replicas=2))
    await until(lambda: wire.place.seen("orders"), lambda one: bool(one and one.serving.settled))
    held = (await wire.http.get(wire.path("pods"))).json()
    pods = {one["metadata"]["name"]: one for one in held["items"]}
    assert {"kubelet", "kube-controller-manager"} <= {
        row["manager"] for one in pods.values() for row in one["metadata"]["managedFields"]
    }

    await wire.place.target.scale(wire.place.site, stamp(2), workload(replicas=1))

    story: list[tuple[str, str, Any]] = []
    async for event in wire.watched("pods", resourceVersion=held["metadata"]["resourceVersion"]):
        metadata = event["object"]["metadata"]
        story.append((event["type"], metadata["name"], metadata.get("deletionGracePeriodSeconds")))
        if event["type"] == "DELETED":
            break
    (name,) = {each for _, each, grace in story if grace is not None}
    assert name in pods
    kept = pods[name]["spec"]["terminationGracePeriodSeconds"]
    assert next((kind, grace) for kind, _, grace in story if grace is not None) == ("MODIFIED", kept)
    left = [one["url"] for one in (wire.place.running("orders") or {})["replicas"]]
    ports = {one["metadata"]["name"]: one["spec"]["containers"][0]["ports"][0]["containerPort"] for one in pods.values()}
    assert left == [f"http://127.0.0.1:{port}" for each, port in ports.items() if each != name]


@pytest.mark.parametrize(
    ("metric", "asked", "load"),
    [
        ("cpu", "cpu", 250.0),
        ("memory", "memory", 250.0),
        ("requests", "http_requests_per_second", 250.0),
        ("queue-length", "servicebus_active_messages", 250.0),
    ],
)
async def test_an_autoscaler_follows_the_load_of_its_service(wire: Wire, metric: str, asked: str, load: float) -> None:
    policy = Scaling(metric=metric, min_replicas=1, max_replicas=6, target_utilization_percent=50)
    await wire.place.target.apply(wire.place.site, stamp(), workload(replicas=1, scaling=policy))
    await until(lambda: wire.place.seen("orders"), lambda one: bool(one and one.serving.settled))

    wire.place.cloud.loads.put(wire.place.site.environment_id, "orders", asked, load)

    grown = await until(lambda: wire.place.seen("orders"), lambda one: one.serving.settled and one.replicas == 5, 30)
    assert len([one for one in grown.serving.replicas if one.ready]) == 5
    path = f"{wire.path('horizontalpodautoscalers', '/apis/autoscaling/v2')}/orders"

    async def scaler() -> dict[str, Any]:
        return dict((await wire.http.get(path)).json())

    def says(found: dict[str, Any]) -> bool:
        conditions = {row["type"]: (row["status"], row["reason"]) for row in found["status"]["conditions"]}
        return conditions == {
            "AbleToScale": ("True", "ReadyForNewScale"),
            "ScalingActive": ("True", "ValidMetricFound"),
            "ScalingLimited": ("False", "DesiredWithinRange"),
        }

    found = await until(scaler, says, 30)
    assert (found["status"]["currentReplicas"], found["status"]["desiredReplicas"]) == (5, 5)
    (current,) = found["status"]["currentMetrics"]
    (wanted,) = found["spec"]["metrics"]
    assert current["type"] == wanted["type"]
    assert next(value for name, value in current.items() if name != "type")["current"]["averageValue"]
