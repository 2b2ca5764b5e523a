from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from lightkube import ApiError
from lightkube import operators as op
from lightkube.models.autoscaling_v2 import CrossVersionObjectReference, HorizontalPodAutoscalerSpec
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod, Secret, Service, ServiceAccount
from lightkube.types import PatchType

from localazure.kubernetes.status import error

from .conftest import comes_to_run, deployment, rolled_out, until


def config_map(name: str = "settings", **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="env"), data=data)


async def refused(call: Any) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        await call
    assert caught.value.status.code is not None
    return caught.value.status.code, caught.value.status.reason or ""


async def test_errors_are_status_objects_with_the_reasons_of_the_real_server(client: Any, lab: Any) -> None:
    assert await refused(client.get(ConfigMap, "none", namespace="env")) == (404, "NotFound")
    await client.create(config_map())
    assert await refused(client.create(config_map())) == (409, "AlreadyExists")
    assert await refused(client.apply(ConfigMap(metadata=ObjectMeta(name="a", namespace="absent")))) == (404, "NotFound")
    assert await refused(client.create(config_map("Not_A_Name"))) == (422, "Invalid")
    assert await refused(client.get(Secret, "none", namespace="env")) == (501, "")
    async with lab.client("another token") as stranger:
        assert await refused(stranger.get(Namespace, "env")) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
        ({"replicas": -1}, "spec.replicas"),
        ({"template": {"metadata": {"labels": {"app.kubernetes.io/name": "orders"}}}}, "spec.template.spec.containers"),
        (
            {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            "spec.strategy.rollingUpdate.maxUnavailable",
        ),
    ],
)
async def test_an_invalid_deployment_is_refused_with_the_field_that_is_wrong(client: Any, spoil: Any, field: str) -> None:
    body = deployment().to_dict()
    body["spec"] |= spoil
    with pytest.raises(ApiError) as caught:
        await client.create(Deployment.from_dict(body))
    assert caught.value.status.code == 422
    assert [cause.field for cause in caught.value.status.details.causes] == [field]


async def test_wrong_shapes_are_refused_and_never_an_error_of_the_server(client: Any, http: httpx.AsyncClient) -> None:
    path = "/apis/apps/v1/namespaces/env/deployments"
    bodies: list[Any] = [
        [],
        "text",
        {"metadata": []},
        {"metadata": {"name": "a"}, "spec": []},
        {
            "metadata": {"name": "a"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": "x"}}},
        },
        {"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {}}, "template": {"spec": {"containers": [1]}}}},
        {"metadata": {"name": 5}},
        {"metadata": {"name": "a", "labels": []}, "kind": "Pod"},
        {"metadata": {"name": "a", "ownerReferences": "x"}, "spec": {}},
    ]
    for body in bodies:
        answer = await http.post(path, json=body)
        assert answer.status_code in (400, 422), (body, answer.text)
        assert answer.json()["kind"] == "Status"
    assert (await http.post(path, content=b"{", headers={"content-type": "application/json"})).status_code == 400
    assert (await http.post(path, content=b"x", headers={"content-type": "text/plain"})).status_code == 415
    assert (await http.post(path, content=b" " * (3 * 1024 * 1024 + 1))).status_code == 413


async def test_paths_and_verbs_that_are_not_served(client: Any, http: httpx.AsyncClient) -> None:
    answers = {
        ("GET", "/apis/unknown.example/v1/things"): (404, "text/plain; charset=utf-8"),
        ("GET", "/api/v1/namespaces/env/secrets"): (501, "application/json"),
        ("GET", "/apis/apps/v1/namespaces/env/statefulsets"): (501, "application/json"),
        ("GET", "/api/v1/namespaces/env/configmaps?watch=true&resourceVersion=x"): (500, "application/json"),
        ("GET", "/api/v1/namespaces/env/configmaps?watch=true&sendInitialEvents=true"): (422, "application/json"),
        ("POST", "/api/v1/namespaces/env/pods"): (501, "application/json"),
        ("GET", "/api/v1/namespaces/env/pods/one/log"): (501, "application/json"),
        ("POST", "/api/v1/namespaces/env/configmaps/one"): (405, "application/json"),
        ("GET", "/apis/apps/v1/deployments/one"): (404, "application/json"),
        ("GET", "/"): (404, "text/plain; charset=utf-8"),
    }
    for (method, path), expected in answers.items():
        answer = await http.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == expected, path


async def test_discovery_health_and_version(lab: Any, http: httpx.AsyncClient) -> None:
    assert (await http.get("/api")).json()["versions"] == ["v1"]
    assert [row["name"] for row in (await http.get("/apis")).json()["groups"]] == [
        "apps",
        "autoscaling",
        "secrets-store.csi.x-k8s.io",
    ]
    names = [row["name"] for row in (await http.get("/apis/apps/v1")).json()["resources"]]
    served = [(kind, f"{kind}/scale", f"{kind}/status") for kind in ("deployments", "replicasets")]
    assert names == [name for kind in served for name in kind]
    async with httpx.AsyncClient(base_url=lab.url, trust_env=False) as anonymous:
        assert (await anonymous.get("/readyz")).text == "ok"
        assert (await anonymous.get("/version")).json()["major"] == "1"
        assert (await anonymous.get("/api")).status_code == 401


async def test_apply_owns_what_it_names_and_takes_away_what_it_names_no_longer(client: Any) -> None:
    await client.apply(config_map(a="1", b="2"))
    await client.patch(ConfigMap, "settings", {"data": {"c": "3"}}, namespace="env", field_manager="somebody")
    applied = await client.apply(config_map(a="1"))
    assert applied.data == {"a": "1", "c": "3"}
    owners = {row.manager: (row.operation, row.fieldsV1) for row in applied.metadata.managedFields}
    assert owners == {
        "platform": ("Apply", {"f:data": {"f:a": {}}}),
        "somebody": ("Update", {"f:data": {"f:c": {}}}),
    }


async def test_an_apply_that_changes_nothing_makes_no_new_version(client: Any) -> None:
    first = await client.apply(deployment())
    done = await rolled_out(client)
    again = await client.apply(deployment())
    assert again.metadata.resourceVersion == done.metadata.resourceVersion
    assert again.metadata.generation == first.metadata.generation


async def test_a_field_of_another_manager_is_a_conflict_unless_forced(client: Any) -> None:
    await client.apply(deployment())
    image = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "acr.io/orders:edited"}]}}}}
    await client.patch(Deployment, "orders", image, namespace="env", field_manager="kubectl-edit")
    with pytest.raises(ApiError) as caught:
        await client.apply(deployment("acr.io/orders:2"))
    status = caught.value.status
    assert (status.code, status.reason) == (409, "Conflict")
    assert [(cause.reason, cause.field, cause.message) for cause in status.details.causes] == [
        (
            "FieldManagerConflict",
            '.spec.template.spec.containers[name="app"].image',
            'conflict with "kubectl-edit" using apps/v1',
        )
    ]
    forced = await client.apply(deployment("acr.io/orders:2"), force=True)
    assert forced.spec.template.spec.containers[0].image == "acr.io/orders:2"
    assert "kubectl-edit" not in [row.manager for row in forced.metadata.managedFields]
    same = await client.apply(deployment("acr.io/orders:2"), field_manager="second")
    assert {"platform", "second"} <= {row.manager for row in same.metadata.managedFields}


async def test_list_items_merge_by_their_keys_and_keep_those_of_others(client: Any) -> None:
    await client.apply(deployment(container={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}))
    other = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "X", "value": "9"}]}]}}}}
    await client.patch(Deployment, "orders", other, namespace="env", field_manager="other")
    applied = await client.apply(deployment(container={"env": [{"name": "B", "value": "3"}]}))
    env = [(row.name, row.value) for row in applied.spec.template.spec.containers[0].env]
    assert sorted(env) == [("B", "3"), ("X", "9")]


async def test_replicas_given_up_by_the_applier_stay_with_who_else_owns_them(client: Any) -> None:
    await client.apply(deployment(replicas=2))
    await client.patch(Deployment.Scale, "orders", {"spec": {"replicas": 3}}, namespace="env", field_manager="scaler")
    applied = await client.apply(deployment(replicas=None))
    assert applied.spec.replicas == 3
    (row,) = [row for row in applied.metadata.managedFields if row.manager == "scaler"]
    assert (row.subresource, row.fieldsV1) == ("scale", {"f:spec": {"f:replicas": {}}})
    assert await refused(client.apply(deployment(replicas=1))) == (409, "Conflict")


async def test_apply_takes_yaml_and_needs_a_field_manager(client: Any, http: httpx.AsyncClient) -> None:
    path = "/api/v1/namespaces/env/configmaps/settings"
    yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  a: b\n"
    headers = {"content-type": "application/apply-patch+yaml"}
    assert (await http.patch(path, content=yaml, headers=headers)).status_code == 422
    assert (await http.patch(f"{path}?fieldManager=x", content=yaml, headers=headers)).status_code == 201
    assert (await http.patch(f"{path}?fieldManager=x", content=yaml, headers=headers)).status_code == 200
    assert (await http.patch(f"{path}?fieldManager=x", content="a: [", headers=headers)).status_code == 400
    assert (await http.patch(f"{path}x?fieldManager=x", content=yaml, headers=headers)).status_code == 400
    assert (await http.patch(path, json={})).status_code == 415


async def test_generation_grows_with_the_intent_and_resource_versions_with_every_write(client: Any) -> None:
    created = await client.apply(deployment())
    done = await rolled_out(client)
    assert (created.metadata.generation, done.metadata.generation) == (1, 1)
    assert int(done.metadata.resourceVersion) > int(created.metadata.resourceVersion)
    labelled = await client.patch(Deployment, "orders", {"metadata": {"labels": {"a": "b"}}}, namespace="env")
    assert labelled.metadata.generation == 1
    annotated = await client.patch(Deployment, "orders", {"metadata": {"annotations": {"a": "b"}}}, namespace="env")
    assert annotated.metadata.generation == 2  # as the real server: annotations are copied to the replica sets
    changed = await client.apply(deployment("acr.io/orders:2"))
    assert changed.metadata.generation == 3
    assert (await rolled_out(client)).status.observedGeneration == 3


async def test_a_write_from_an_older_version_is_a_conflict(client: Any) -> None:
    first = await client.create(config_map(a="1"))
    first.data = {"a": "2"}
    second = await client.replace(first)
    first.data = {"a": "3"}
    assert await refused(client.replace(first)) == (409, "Conflict")
    second.data = {"a": "4"}
    assert (await client.replace(second)).data == {"a": "4"}
    stale = {"metadata": {"resourceVersion": first.metadata.resourceVersion}, "data": {"a": "5"}}
    patch = client.patch(ConfigMap, "settings", stale, namespace="env", patch_type=PatchType.MERGE)
    assert await refused(patch) == (409, "Conflict")
    second.metadata.resourceVersion = None
    second.data = {"a": "6"}
    assert (await client.replace(second)).data == {"a": "6"}


async def test_racing_writers_of_one_version_get_one_winner(client: Any) -> None:
    standing = await client.create(config_map(a="0"))
    version = standing.metadata.resourceVersion

    async def write(number: int) -> int:
        draft = ConfigMap(
            metadata=ObjectMeta(name="settings", namespace="env", resourceVersion=version), data={"a": str(number)}
        )
        try:
            await client.replace(draft)
        except ApiError as conflict:
            return int(conflict.status.code or 0)
        return 200

    assert sorted(await asyncio.gather(*(write(number) for number in range(1, 6)))) == [200, 409, 409, 409, 409]


async def test_patch_types(client: Any) -> None:
    await client.create(deployment(container={"env": [{"name": "A", "value": "1"}]}))
    container = {"name": "app", "env": [{"name": "B", "value": "2"}, {"name": "A", "$patch": "delete"}]}
    patch: Any = {"spec": {"template": {"spec": {"containers": [container]}}}}
    strategic = await client.patch(Deployment, "orders", patch, namespace="env")
    assert [row.name for row in strategic.spec.template.spec.containers[0].env] == ["B"]
    assert strategic.spec.template.spec.containers[0].image == "acr.io/orders:1"
    patch = {"metadata": {"labels": {"app.kubernetes.io/name": None, "a": "b"}}}
    merged = await client.patch(Deployment, "orders", patch, namespace="env", patch_type=PatchType.MERGE)
    assert merged.metadata.labels["a"] == "b"
    assert "app.kubernetes.io/name" not in merged.metadata.labels
    patch = [
        {"op": "test", "path": "/spec/replicas", "value": 2},
        {"op": "replace", "path": "/spec/replicas", "value": 1},
        {"op": "add", "path": "/metadata/labels/x~1y", "value": "z"},
    ]
    patched = await client.patch(Deployment, "orders", patch, namespace="env", patch_type=PatchType.JSON)
    assert (patched.spec.replicas, patched.metadata.labels["x/y"]) == (1, "z")
    again = client.patch(Deployment, "orders", patch, namespace="env", patch_type=PatchType.JSON)
    assert await refused(again) == (422, "Invalid")


async def test_the_selector_is_immutable_and_status_is_not_written_with_the_spec(client: Any) -> None:
    created = await client.create(deployment())
    body = created.to_dict()
    body["status"] = {"replicas": 99}
    body["metadata"].pop("resourceVersion")
    replaced = await client.replace(Deployment.from_dict(body))
    assert replaced.status.replicas != 99
    body["spec"]["selector"] = {"matchLabels": {"cs.connectsoft.ai/service-id": "orders"}}
    assert await refused(client.replace(Deployment.from_dict(body))) == (422, "Invalid")


async def test_lists_select_by_labels_and_fields_and_come_in_chunks(client: Any) -> None:
    for number in range(5):
        labels = {"tier": "web" if number < 3 else "data", **({"odd": "yes"} if number % 2 else {})}
        await client.create(ConfigMap(metadata=ObjectMeta(name=f"m{number}", namespace="env", labels=labels)))

    async def names(**arguments: Any) -> list[str]:
        return [each.metadata.name async for each in client.list(ConfigMap, **{"namespace": "env", **arguments})]

    assert await names(labels={"tier": "web"}) == ["m0", "m1", "m2"]
    assert await names(labels={"tier": op.not_equal("web")}) == ["m3", "m4"]
    assert await names(labels={"tier": op.in_(["data", "other"])}) == ["m3", "m4"]
    assert await names(labels={"tier": op.not_in(["data"]), "odd": None}) == ["m1"]
    assert await names(labels={"odd": op.not_exists()}) == ["m0", "m2", "m4"]
    assert await names(fields={"metadata.name": "m3"}) == ["m3"]
    assert await names(chunk_size=2) == ["m0", "m1", "m2", "m3", "m4"]
    assert await names(namespace="*") == ["m0", "m1", "m2", "m3", "m4"]
    with pytest.raises(ApiError):
        await names(fields={"data.a": "b"})


async def test_a_dry_run_answers_what_would_be_and_stores_nothing(client: Any) -> None:
    assert (await client.apply(config_map(a="1"), dry_run=True)).data == {"a": "1"}
    assert await refused(client.get(ConfigMap, "settings", namespace="env")) == (404, "NotFound")
    await client.apply(config_map(a="1"))
    assert (await client.apply(config_map(a="2"), dry_run=True)).data == {"a": "2"}
    assert (await client.get(ConfigMap, "settings", namespace="env")).data == {"a": "1"}


async def test_services_and_accounts_are_objects_with_the_defaults_of_the_server(client: Any) -> None:
    spec = ServiceSpec(selector={"app": "orders"}, ports=[ServicePort(port=80, name="http")])
    service = await client.apply(Service(metadata=ObjectMeta(name="orders", namespace="env"), spec=spec))
    assert (service.spec.type, service.spec.ports[0].protocol, service.spec.ports[0].targetPort) == ("ClusterIP", "TCP", 80)
    assert service.spec.clusterIP.startswith("10.0.")
    again = await client.apply(Service(metadata=ObjectMeta(name="orders", namespace="env"), spec=spec))
    assert again.metadata.resourceVersion == service.metadata.resourceVersion
    await client.apply(ServiceAccount(metadata=ObjectMeta(name="runner", namespace="env")))
    await client.delete(Service, "orders", namespace="env")
    assert await refused(client.delete(Service, "orders", namespace="env")) == (404, "NotFound")


def autoscaler(least: int, most: int) -> HorizontalPodAutoscaler:
    target = CrossVersionObjectReference(apiVersion="apps/v1", kind="Deployment", name="orders")
    spec = HorizontalPodAutoscalerSpec(scaleTargetRef=target, minReplicas=least, maxReplicas=most)
    return HorizontalPodAutoscaler(metadata=ObjectMeta(name="orders", namespace="env"), spec=spec)


async def test_an_autoscaler_keeps_its_deployment_within_bounds(client: Any) -> None:
    await client.apply(deployment(replicas=1))
    await client.apply(autoscaler(3, 4))

    async def replicas_are(wanted: int) -> Any:
        found = await client.get(Deployment, "orders", namespace="env")
        return found if (found.spec.replicas, found.status.readyReplicas) == (wanted, wanted) else None

    raised = await until(lambda: replicas_are(3))
    (row,) = [row for row in raised.metadata.managedFields if row.subresource == "scale"]
    assert row.manager == "kube-controller-manager"
    await client.patch(Deployment.Scale, "orders", {"spec": {"replicas": 9}}, namespace="env")
    await until(lambda: replicas_are(4))

    async def reported() -> Any:
        status = (await client.get(HorizontalPodAutoscaler, "orders", namespace="env")).status
        return status if (status.currentReplicas, status.desiredReplicas) == (4, 4) else None

    await until(reported)
    assert await refused(client.apply(autoscaler(5, 4))) == (422, "Invalid")


async def test_somebody_may_change_a_workload_behind_the_platforms_back(client: Any, lab: Any) -> None:
    await client.apply(deployment())
    await rolled_out(client)
    assert not await lab.nodes.change("env-1", "unknown", {"replicas": 1})
    assert await lab.nodes.change("env-1", "orders", {"image": "acr.io/rogue:1", "replicas": 3, "env": {"A": "b"}})
    changed = await rolled_out(client)
    assert changed.spec.replicas == 3
    await comes_to_run(lab, lambda row: (row["image"], row["env"]) == ("acr.io/rogue:1", {"A": "b"}))
    assert {"kubectl-edit", "platform"} <= {each.manager for each in changed.metadata.managedFields}
    assert await lab.nodes.change("env-1", "orders", {"delete": True})
    assert await refused(client.get(Deployment, "orders", namespace="env")) == (404, "NotFound")

    async def ended() -> bool:
        return not [pod async for pod in client.list(Pod, namespace="env")] and not lab.runner.rows()

    await until(ended)


def test_the_error_for_fault_injection_is_a_status() -> None:
    headers, body = error(500)
    assert headers == {"content-type": "application/json"}
    assert b'"reason": "InternalError"' in body
