"""What the API server of a real cluster is answered: whose a token is, on which port a pod listens, what services bear."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.kinds import DEPLOYMENT, POD, Kind
from localazure.kubernetes_real.hooks import application
from localazure.kubernetes_real.metrics import CUSTOM, EXTERNAL, RESOURCE, VERSIONS, Metrics
from localazure.shelf import Shelf
from localazure.workloads.loads import Loads

LABELS = {"cs.connectsoft.ai/environment-id": "env-1", "cs.connectsoft.ai/service-id": "orders"}
CONTAINER = {"name": "app", "resources": {"requests": {"cpu": "200m", "memory": "1Ki"}}, "ports": [{"containerPort": 80}]}


def pod(name: str, ready: str = "True") -> Object:
    conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    metadata = {"name": name, "namespace": "env", "labels": LABELS}
    return {"metadata": metadata, "spec": {"containers": [CONTAINER]}, "status": {"conditions": conditions}}


class Known:
    """A cluster of one deployment with three pods, of which two are ready."""

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return None

    def all(self, kind: Kind, namespace: str | None = None) -> list[Object]:
        template = {"metadata": {"labels": LABELS}}
        deployment = {"metadata": {"name": "orders", "namespace": "env"}, "spec": {"template": template}}
        return {POD: [pod("a"), pod("b"), pod("c", "False")], DEPLOYMENT: [deployment]}.get(kind, [])


@pytest.fixture
async def asked(tmp_path):
    shelf = Shelf(tmp_path / "state.sqlite")
    loads = Loads(shelf)
    loads.put("env-1", "orders", "cpu", 150)
    loads.put("env-1", "orders", "waiting", 30)
    app = application(lambda token: token == "good", Metrics(Known(), loads))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://hooks") as client:
        yield client
    shelf.close()


async def items(asked: httpx.AsyncClient, path: str, **query: str) -> list[dict[str, Any]]:
    answer = await asked.get(f"/apis/{path}", params=query)
    assert answer.status_code == 200
    return list(answer.json()["items"])


@pytest.mark.parametrize(("token", "known"), [("good", True), ("bad", False), ("", False)])
async def test_a_token_is_the_platforms_or_nobodys(asked: httpx.AsyncClient, token: str, known: bool) -> None:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    status = (await asked.post("/authenticate", json=review)).json()["status"]
    assert (status["authenticated"], status.get("user", {}).get("username")) == (known, "runtime-cloud" if known else None)


async def test_every_pod_gets_another_port_and_one_without_ports_is_left_alone(asked: httpx.AsyncClient) -> None:
    async def admitted(container: dict[str, Any]) -> Any:
        request = {"uid": "one", "object": {"spec": {"containers": [container]}}}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        response = (await asked.post("/admit", json=review)).json()["response"]
        assert (response["uid"], response["allowed"]) == ("one", True)
        return json.loads(base64.b64decode(response["patch"])) if "patch" in response else None

    patches = [await admitted(CONTAINER) for _ in range(50)]
    assert {(op["op"], op["path"]) for (op,) in patches} == {("replace", "/spec/containers/0/ports/0/containerPort")}
    assert len({op["value"] for (op,) in patches}) == 50
    assert await admitted({"name": "app"}) is None


async def test_ready_pods_share_the_load_of_their_service(asked: httpx.AsyncClient) -> None:
    rows = await items(asked, f"{RESOURCE}/namespaces/env/pods")
    assert {row["metadata"]["name"]: row["containers"][0]["usage"] for row in rows} == {
        "a": {"cpu": "150m"},
        "b": {"cpu": "150m"},
    }
    rows = await items(asked, f"{CUSTOM}/namespaces/env/pods/*/waiting")
    assert {row["describedObject"]["name"]: row["value"] for row in rows} == {"a": "15", "b": "15"}
    assert await items(asked, f"{CUSTOM}/namespaces/env/pods/*/unknown") == []
    assert await items(asked, f"{RESOURCE}/namespaces/env/pods", labelSelector="a=b") == []


async def test_an_external_metric_is_that_of_the_service_its_selector_names(asked: httpx.AsyncClient) -> None:
    path = f"{EXTERNAL}/namespaces/env/waiting"
    assert [row["value"] for row in await items(asked, path, labelSelector="queue=orders")] == ["30"]
    assert await items(asked, path, labelSelector="queue=other") == []


async def test_the_apis_can_be_discovered(asked: httpx.AsyncClient) -> None:
    for version in VERSIONS:
        assert (await asked.get(f"/apis/{version}")).json()["groupVersion"] == version
