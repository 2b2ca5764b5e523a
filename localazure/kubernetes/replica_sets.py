"""The replica set controller and the kubelet in one: as many pods as are wanted, each with a replica that runs.

A pod's replica is started before the pod is written, so a pod that a client can see is one that listens. Replicas without
a pod (this process was killed in between) are stopped. When there are too many pods, those that are not ready go first,
then the newest.
"""

from __future__ import annotations

from localazure.kubernetes import pods
from localazure.kubernetes.backing import Backing
from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.clock import seconds_since
from localazure.kubernetes.environment import Unresolved
from localazure.kubernetes.kinds import POD, REPLICA_SET, Kind
from localazure.kubernetes.ownership import Owner
from localazure.kubernetes.registry import Registry, suffix
from localazure.kubernetes.selectors import matches_labels

CONTROLLER = Owner("kube-controller-manager")
CONTROLLER_STATUS = Owner("kube-controller-manager", subresource="status")
KUBELET = Owner("kubelet")
KUBELET_STATUS = Owner("kubelet", subresource="status")
_CONFIG_RETRY = 0.5  # seconds until a pod that lacks its ConfigMap is looked at again


class ReplicaSets:
    def __init__(self, registry: Registry, backing: Backing) -> None:
        self._registry = registry
        self._backing = backing

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring one set closer to what it says; seconds until it must be looked at again, None when it is settled."""
        replica_set = self._registry.cabinet.get(REPLICA_SET, namespace, name)
        if replica_set is None or replica_set["metadata"].get("deletionTimestamp"):
            return None
        adopt(self._registry, REPLICA_SET, replica_set, POD)
        env, problem = self._environment(replica_set)
        await self._resize(replica_set, env)
        if env is not None and not replica_set["spec"]["replicas"]:
            await self._backing.announce(replica_set, env)
        await self._run(replica_set, env, problem)
        wait = self._report(replica_set)
        return _CONFIG_RETRY if env is None and replica_set["spec"]["replicas"] else wait

    def _environment(self, replica_set: Object) -> tuple[dict[str, str] | None, str]:
        try:
            return self._backing.resolve(replica_set), ""
        except Unresolved as problem:
            return None, str(problem)

    async def _resize(self, replica_set: Object, env: dict[str, str] | None) -> None:
        held = self._registry.cabinet.owned(replica_set, POD)
        wanted, namespace = replica_set["spec"]["replicas"], replica_set["metadata"]["namespace"]
        for pod in _surplus(held, len(held) - wanted):
            self._registry.cabinet.delete(POD, namespace, pod["metadata"]["name"])
            await self._backing.stop(replica_set, pod["metadata"]["name"])
        for _ in range(wanted - len(held)):
            await self._add(replica_set, env)

    async def _add(self, replica_set: Object, env: dict[str, str] | None) -> None:
        metadata = replica_set["metadata"]
        name = f"{metadata['name']}-{suffix()}"
        replica = None if env is None else await self._backing.start(replica_set, name, env)
        pod = pods.draft(REPLICA_SET, replica_set, name, replica.port if replica else None)
        self._registry.create(POD, metadata["namespace"], pod, CONTROLLER)

    async def _run(self, replica_set: Object, env: dict[str, str] | None, problem: str) -> None:
        running = self._backing.replicas(replica_set)
        for pod in self._registry.cabinet.owned(replica_set, POD):
            name = pod["metadata"]["name"]
            replica = running.pop(name, None)
            if replica is None and env is not None:
                replica = await self._backing.start(replica_set, name, env)
            self._show(pod, pods.with_port(pod, replica.port if replica else None), KUBELET)
            self._show(pod, {**pod, "status": pods.status_of(pod, replica, problem)}, KUBELET_STATUS)
        for name in running:
            await self._backing.stop(replica_set, name)

    def _show(self, pod: Object, shown: Object, owner: Owner) -> None:
        if shown == pod:
            return
        section = "status" if owner.subresource else "spec"
        place = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        self._registry.update(POD, *place, lambda standing: {**standing, section: shown[section]}, owner)

    def _report(self, replica_set: Object) -> float | None:
        """Write the set's status; seconds until another pod counts as available, if one will."""
        held = self._registry.cabinet.owned(replica_set, POD)
        least = replica_set["spec"].get("minReadySeconds", 0)
        ready = [since for pod in held if (since := pods.ready_since(pod))]
        waits = [least - seconds_since(since) for since in ready if least and seconds_since(since) < least]
        counts = {
            "fullyLabeledReplicas": len(held),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready) - len(waits),
            "observedGeneration": replica_set["metadata"]["generation"],
        }
        status = {"replicas": len(held), **{name: count for name, count in counts.items() if count}}
        if status != replica_set.get("status"):
            place = (replica_set["metadata"]["namespace"], replica_set["metadata"]["name"])
            self._registry.update(REPLICA_SET, *place, lambda standing: {**standing, "status": status}, CONTROLLER_STATUS)
        return min(waits, default=None)


def adopt(registry: Registry, kind: Kind, owner: Object, dependents: Kind) -> None:
    """Take in what matches the owner's selector and has no controller."""
    namespace = owner["metadata"]["namespace"]
    reference = pods.controller_reference(kind, owner)
    for thing in registry.cabinet.all(dependents, namespace):
        metadata = thing["metadata"]
        if metadata.get("ownerReferences") or metadata.get("deletionTimestamp"):
            continue
        if matches_labels(owner["spec"]["selector"], metadata.get("labels") or {}):
            registry.update(
                dependents,
                namespace,
                metadata["name"],
                lambda standing: {**standing, "metadata": {**standing["metadata"], "ownerReferences": [reference]}},
                CONTROLLER,
            )


def _surplus(held: list[Object], count: int) -> list[Object]:
    if count <= 0:
        return []
    newest_first = sorted(held, key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)
    return sorted(newest_first, key=pods.is_ready)[:count]
