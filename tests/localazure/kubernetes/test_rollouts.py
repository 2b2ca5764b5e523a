from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import Any

import httpx
import pytest
from lightkube import ApiError
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod
from lightkube.types import CascadeType, PatchType

from .conftest import client_of, comes_to_run, deployment, rolled_out, start_lab, until


async def pods_of(client: Any) -> list[Pod]:
    return [pod async for pod in client.list(Pod, namespace="env")]


async def test_a_deployment_gets_a_replica_set_and_pods_that_answer_http(client: Any, lab: Any) -> None:
    created = await client.apply(deployment())
    assert created.metadata.generation == 1
    done = await rolled_out(client)
    assert done.status.observedGeneration == 1
    assert {row.type: (row.status, row.reason) for row in done.status.conditions} == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    pods = await pods_of(client)
    sets = [each async for each in client.list(ReplicaSet, namespace="env")]
    assert [each.metadata.annotations["deployment.kubernetes.io/revision"] for each in sets] == ["1"]
    ports = {pod.spec.containers[0].ports[0].containerPort for pod in pods}
    assert len(ports) == 2
    assert 8080 not in ports
    for pod in pods:
        assert pod.metadata.ownerReferences[0].uid == sets[0].metadata.uid
        assert pod.metadata.labels["pod-template-hash"] == sets[0].metadata.name.removeprefix("orders-")
        status = pod.status.containerStatuses[0]
        assert (status.ready, status.restartCount) == (True, 0)
        assert status.imageID.startswith("acr.io/orders@sha256:")
        async with httpx.AsyncClient(trust_env=False) as probe:
            port = pod.spec.containers[0].ports[0].containerPort
            answer = await probe.get(f"http://{pod.status.podIP}:{port}/health")
        assert answer.json()["status"] == "Healthy"
    assert done.spec.template.spec.containers[0].ports[0].containerPort == 8080


async def test_a_rollout_goes_replica_by_replica_and_never_below_what_must_be_available(client: Any, lab: Any) -> None:
    await client.apply(deployment(replicas=4))
    await rolled_out(client)
    lab.runner.add_behaviour({"image": "acr.io/orders:2", "startSeconds": 0.3})
    await client.apply(deployment("acr.io/orders:2", replicas=4))
    seen: list[tuple[int, int]] = []
    while not seen or seen[-1] != (4, 0):
        pods = [pod for pod in await pods_of(client) if pod.status and pod.status.containerStatuses]
        ready = [pod for pod in pods if pod.status.containerStatuses[0].ready]
        new = sum(pod.spec.containers[0].image == "acr.io/orders:2" for pod in ready)
        seen.append((new, len(ready) - new))
        await asyncio.sleep(0.01)
    assert all(3 <= sum(counts) <= 5 for counts in seen)
    assert len(set(seen)) >= 4
    assert (await rolled_out(client)).metadata.generation == 2


async def test_new_pods_that_never_get_ready_stop_the_rollout_and_the_old_ones_serve_on(client: Any, lab: Any) -> None:
    await client.apply(deployment(replicas=2, progressDeadlineSeconds=1))
    await rolled_out(client)
    lab.runner.add_behaviour({"image": "acr.io/orders:2", "neverReady": True})
    await client.apply(deployment("acr.io/orders:2", replicas=2, progressDeadlineSeconds=1))

    async def gave_up() -> Any:
        found = await client.get(Deployment, "orders", namespace="env")
        return found if "ProgressDeadlineExceeded" in [row.reason for row in found.status.conditions] else None

    stuck = await until(gave_up)
    assert (stuck.status.readyReplicas, stuck.status.updatedReplicas, stuck.status.unavailableReplicas) == (2, 1, 1)
    row = lab.runner.rows()[0]
    assert row["image"] == "acr.io/orders:1"
    assert sorted((each["image"], each["ready"]) for each in row["replicas"]) == [
        ("acr.io/orders:1", True),
        ("acr.io/orders:1", True),
        ("acr.io/orders:2", False),
    ]
    await client.apply(deployment("acr.io/orders:1", replicas=2, progressDeadlineSeconds=1))
    back = await rolled_out(client)
    assert back.metadata.annotations["deployment.kubernetes.io/revision"] == "3"


async def test_undoing_by_the_template_of_an_earlier_set_takes_that_set_up_again(client: Any, lab: Any) -> None:
    await client.apply(deployment())
    await rolled_out(client)
    (first,) = [each async for each in client.list(ReplicaSet, namespace="env")]
    await client.apply(deployment("acr.io/orders:2"))
    await rolled_out(client)
    template = first.spec.template.to_dict()
    del template["metadata"]["labels"]["pod-template-hash"]
    template["metadata"]["creationTimestamp"] = None  # as kubectl sends it
    patch = [{"op": "replace", "path": "/spec/template", "value": template}]
    await client.patch(Deployment, "orders", patch, namespace="env", patch_type=PatchType.JSON)
    await rolled_out(client)
    sets = {each.metadata.name: each.spec.replicas async for each in client.list(ReplicaSet, namespace="env")}
    assert len(sets) == 2
    assert sets[first.metadata.name] == 2


async def test_only_one_revision_is_left_running_after_a_rollout_and_history_is_bounded(client: Any, lab: Any) -> None:
    for version in range(4):
        await client.apply(deployment(f"acr.io/orders:{version}", replicas=1, revisionHistoryLimit=1))
        await rolled_out(client)

    async def two_sets() -> Any:
        sets = [each async for each in client.list(ReplicaSet, namespace="env")]
        return sets if len(sets) == 2 else None

    sets = await until(two_sets)
    assert sorted(each.spec.replicas for each in sets) == [0, 1]
    row = await comes_to_run(lab, lambda row: row["image"] == "acr.io/orders:3" and len(row["replicas"]) == 1)
    assert (row["target"], row["environmentId"], row["serviceId"]) == ("aks", "env-1", "orders")


async def test_recreate_ends_all_old_pods_before_the_first_new_one(client: Any, lab: Any) -> None:
    await client.apply(deployment(strategy={"type": "Recreate"}))
    await rolled_out(client)
    await client.apply(deployment("acr.io/orders:2", strategy={"type": "Recreate"}))

    async def images() -> set[str]:
        return {pod.spec.containers[0].image for pod in await pods_of(client)}

    while (seen := await images()) != {"acr.io/orders:2"}:
        assert len(seen) <= 1
        await asyncio.sleep(0.01)
    await rolled_out(client)


async def test_the_scale_subresource_changes_replicas_and_shows_the_selector(client: Any, lab: Any) -> None:
    await client.apply(deployment())
    await rolled_out(client)
    scale = await client.get(Deployment.Scale, "orders", namespace="env")
    assert (scale.spec.replicas, scale.status.replicas, scale.kind) == (2, 2, "Scale")
    assert scale.status.selector == "app.kubernetes.io/name=orders"
    scale.spec = ScaleSpec(replicas=5)
    await client.replace(scale, "orders", namespace="env")
    assert (await rolled_out(client)).spec.replicas == 5
    await client.patch(Deployment.Scale, "orders", {"spec": {"replicas": 0}}, namespace="env")
    done = await rolled_out(client)
    assert done.status.replicas is None
    assert await until(lambda: _no_pods(client))
    await comes_to_run(lab, lambda row: row["replicas"] == [])


async def _no_pods(client: Any) -> bool:
    return not await pods_of(client)


async def test_a_deleted_pod_is_replaced_by_another_one(client: Any, lab: Any) -> None:
    await client.apply(deployment(replicas=1))
    await rolled_out(client)
    (pod,) = await pods_of(client)
    await client.delete(Pod, pod.metadata.name, namespace="env")

    async def replaced() -> Any:
        found = await pods_of(client)
        return found if len(found) == 1 and found[0].metadata.name != pod.metadata.name else None

    await until(replaced)
    await comes_to_run(lab, lambda row: len(row["replicas"]) == 1)


async def test_the_environment_is_resolved_from_config_maps_and_secrets_are_named_only(client: Any, lab: Any) -> None:
    env = [
        {"name": "MODE", "value": "live"},
        {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "greeting"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "vault", "key": "sql"}}},
        {"name": "URL", "value": "http://$(MODE)/$(UNKNOWN)"},
    ]
    container = {"env": env, "envFrom": [{"configMapRef": {"name": "settings"}}]}
    await client.apply(deployment(replicas=1, container=container))

    async def waits() -> Any:
        pods = await pods_of(client)
        return pods and pods[0].status.containerStatuses and pods[0].status.containerStatuses[0].state.waiting

    waiting = await until(waits)
    assert (waiting.reason, waiting.message) == ("CreateContainerConfigError", 'configmap "settings" not found')
    await client.create(ConfigMap(metadata=ObjectMeta(name="settings"), data={"greeting": "hello"}), namespace="env")
    await rolled_out(client)
    assert (await comes_to_run(lab, lambda row: row["env"]))["env"] == {
        "greeting": "hello",
        "MODE": "live",
        "GREETING": "hello",
        "PASSWORD": "secretKeyRef:vault/sql",
        "URL": "http://live/$(UNKNOWN)",
    }


@pytest.mark.parametrize("cascade", [CascadeType.BACKGROUND, CascadeType.FOREGROUND])
async def test_deleting_a_deployment_takes_its_sets_pods_and_replicas_with_it(client: Any, lab: Any, cascade: Any) -> None:
    await client.apply(deployment())
    await rolled_out(client)
    await client.delete(Deployment, "orders", namespace="env", cascade=cascade)
    assert await until(lambda: _no_pods(client))

    async def all_gone() -> bool:
        sets = [each async for each in client.list(ReplicaSet, namespace="env")]
        deployments = [each async for each in client.list(Deployment, namespace="env")]
        return not sets and not deployments and lab.runner.rows() == []

    await until(all_gone)


async def test_orphans_keep_running_and_are_taken_in_by_the_next_deployment(client: Any, lab: Any) -> None:
    await client.apply(deployment())
    await rolled_out(client)
    before = {pod.metadata.name for pod in await pods_of(client)}
    await client.delete(Deployment, "orders", namespace="env", cascade=CascadeType.ORPHAN)

    async def gone() -> bool:
        return not [each async for each in client.list(Deployment, namespace="env")]

    await until(gone)
    assert {pod.metadata.name for pod in await pods_of(client)} == before
    await client.apply(deployment())
    await rolled_out(client)
    assert {pod.metadata.name for pod in await pods_of(client)} == before


async def test_deleting_a_namespace_takes_all_inside_and_refuses_new_content_meanwhile(client: Any, lab: Any) -> None:
    await client.apply(deployment())
    await rolled_out(client)
    await client.delete(Namespace, "env")
    assert (await client.get(Namespace, "env")).status.phase == "Terminating"
    with pytest.raises(ApiError) as refused:
        await client.apply(deployment(name="late"))
    assert (refused.value.status.code, refused.value.status.reason) == (403, "Forbidden")

    async def gone() -> bool:
        return "env" not in [each.metadata.name async for each in client.list(Namespace)]

    await until(gone)

    async def stopped() -> bool:
        return lab.runner.rows() == []

    await until(stopped)


async def test_after_a_restart_objects_pods_and_ports_are_the_same_and_a_rollout_goes_on(tmp_path: Any) -> None:
    lab = await start_lab(tmp_path)
    async with lab.client() as client:
        await client.create(Namespace(metadata=ObjectMeta(name="env")))
        await client.apply(deployment(replicas=3))
        await rolled_out(client)
        before = await pods_of(client)
        rows = lab.runner.rows()
    await lab.stop()
    lab = await start_lab(tmp_path)
    async with lab.client() as client:
        await asyncio.sleep(0.3)
        assert [pod.to_dict() for pod in await pods_of(client)] == [pod.to_dict() for pod in before]
        assert lab.runner.rows() == rows
        await client.apply(deployment("acr.io/orders:2", replicas=3))
    await lab.stop()
    lab = await start_lab(tmp_path)
    async with lab.client() as client:
        await rolled_out(client)
        assert {pod.spec.containers[0].image for pod in await pods_of(client)} == {"acr.io/orders:2"}
    await lab.stop()


async def test_a_pod_whose_port_somebody_took_while_all_was_down_is_replaced_by_one_with_another(tmp_path: Any) -> None:
    lab = await start_lab(tmp_path)
    async with lab.client() as client:
        await client.create(Namespace(metadata=ObjectMeta(name="env")))
        await client.apply(deployment(replicas=1))
        await rolled_out(client)
        (before,) = await pods_of(client)
    await lab.stop()
    taken = before.spec.containers[0].ports[0].containerPort
    with socket.create_server(("127.0.0.1", taken)):
        lab = await start_lab(tmp_path)
        async with lab.client() as client:

            async def replaced() -> Any:
                pods = [pod for pod in await pods_of(client) if pod.metadata.name != before.metadata.name]
                ready = [pod for pod in pods if pod.status.containerStatuses and pod.status.containerStatuses[0].ready]
                return ready if len(await pods_of(client)) == 1 else None

            (after,) = await until(replaced)
            port = after.spec.containers[0].ports[0].containerPort
            assert port != taken
            await comes_to_run(lab, lambda row: [one["url"] for one in row["replicas"]] == [f"http://127.0.0.1:{port}"])
        await lab.stop()


async def test_two_hundred_deployments_roll_out_together(client: Any, lab: Any) -> None:
    names = [f"service-{number:03d}" for number in range(200)]
    at_once = asyncio.Semaphore(
        32
    )  # the client waits 5 s for a connection of its pool, which is too short on a busy machine

    async def apply(name: str) -> None:
        async with at_once:
            await client.apply(deployment(name=name, replicas=1))

    await asyncio.gather(*(apply(name) for name in names))

    async def all_done() -> bool:
        found = [each async for each in client.list(Deployment, namespace="env")]
        return sum((each.status.availableReplicas or 0) == 1 for each in found) == 200

    await until(all_done, 30)
    assert len(lab.runner.rows()) == 200


CHILD = """
import asyncio, pathlib, sys
from tests.localazure.kubernetes.conftest import start_lab

async def main():
    lab = await start_lab(pathlib.Path(sys.argv[1]))
    print(lab.url, flush=True)
    await lab.serving

asyncio.run(main())
"""


async def test_a_rollout_that_a_kill_cut_short_is_finished_with_no_replica_left_over(tmp_path: Any) -> None:
    for round_trip in range(3):
        child = subprocess.Popen(  # noqa: ASYNC220 (killed below)
            [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        url = (await asyncio.to_thread(child.stdout.readline)).decode().strip()
        async with client_of(url) as client:
            if not round_trip:
                await client.create(Namespace(metadata=ObjectMeta(name="env")))
            await client.apply(deployment(f"acr.io/orders:{round_trip}", replicas=6))
            await asyncio.sleep(0.15 * round_trip)
        child.kill()
        child.stdout.close()
        await asyncio.to_thread(child.wait)
    lab = await start_lab(tmp_path)
    async with lab.client() as client:
        done = await rolled_out(client)
        assert done.spec.template.spec.containers[0].image == "acr.io/orders:2"

        async def even() -> bool:
            """Six pods, and what runs is theirs: those that are ending may take a moment."""
            ports = sorted(pod.spec.containers[0].ports[0].containerPort for pod in await pods_of(client))
            (row,) = lab.runner.rows()
            return len(ports) == 6 and sorted(int(one["url"].rpartition(":")[2]) for one in row["replicas"]) == ports

        await until(even)
    await lab.stop()
