"""What runs for a replica set: one revision of the workload runner, with a replica of the same name for every pod.

Environment and service of a revision come from the labels of the pod template (`cs.connectsoft.ai/*`), else from those of
the deployment, else they are the namespace and the workload's name. They are written down when a replica set first runs:
labels can change and owners vanish, but what was started must be found again, to be stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localazure.kubernetes.cabinet import Object, Objects
from localazure.kubernetes.identity import identity
from localazure.kubernetes.kinds import DEPLOYMENT, POD, REPLICA_SET
from localazure.nodes.environment import resolve
from localazure.shelf import Shelf
from localazure.workloads.port import Replica, ReplicaHost, Revision

KIND = "k8s.revision"
TARGET = "aks"


class Backing:
    def __init__(self, objects: Objects, workloads: ReplicaHost, shelf: Shelf) -> None:
        self._objects = objects
        self._workloads = workloads
        self._shelf = shelf
        self._places: dict[tuple[str, str], tuple[str, str]] = {}  # (namespace, replica set) → (environment, service)
        for key, row in shelf.all(KIND).items():
            namespace, _, name = key.partition("/")
            self._places[namespace, name] = (row["environmentId"], row["serviceId"])

    def resolve(self, replica_set: Object) -> dict[str, str]:
        """The environment of the first container. Raises `Unresolved`."""
        template = replica_set["spec"]["template"]
        return resolve(template["spec"]["containers"][0], replica_set["metadata"]["namespace"], template, self._objects)

    async def start(self, replica_set: Object, pod_name: str, env: Mapping[str, str], port: int | None) -> Replica:
        """Make the container of a pod run, on the port that was drawn for it if there is one; idempotent."""
        revision = self._revision(replica_set, env)
        await self._workloads.start(revision, pod_name, port)
        return next(replica for replica in self._workloads.replicas(revision.key) if replica.name == pod_name)

    async def announce(self, replica_set: Object, env: Mapping[str, str]) -> None:
        """Make a replica set known that has no pods (a workload scaled to zero)."""
        await self._workloads.scale(self._revision(replica_set, env), 0)

    async def stop(self, replica_set: Object, pod_name: str) -> None:
        await self._workloads.stop(self.key(replica_set), pod_name)

    def replicas(self, replica_set: Object) -> dict[str, Replica]:
        """By pod name."""
        return {replica.name: replica for replica in self._workloads.replicas(self.key(replica_set))}

    def serve(self, replica_set: Object) -> None:
        """Say that this is the revision that serves; nothing for one that never ran."""
        metadata = replica_set["metadata"]
        if (place := self._places.get((metadata["namespace"], metadata["name"]))) is not None:
            self._workloads.serve(*place, self.key(replica_set))

    def key(self, replica_set: Object) -> str:
        return self._revision(replica_set, {}, remember=False).key

    async def forget_gone(self) -> None:
        """Stop what runs for replica sets that are no more; pods that were orphaned keep running."""
        for (namespace, name), place in list(self._places.items()):
            if self._objects.get(REPLICA_SET, namespace, name) is not None:
                continue
            key = Revision(*place, TARGET, name, "").key
            left = {pod["metadata"]["name"] for pod in pods_of(self._objects, namespace, name)}
            for replica in self._workloads.replicas(key):
                if replica.name not in left:
                    await self._workloads.stop(key, replica.name)
            if not left:
                await self._workloads.remove(key)
                del self._places[namespace, name]
                self._shelf.delete(KIND, f"{namespace}/{name}")

    def readiness(self) -> dict[tuple[str, str], tuple[tuple[str, int, bool], ...]]:
        """Name, port and readiness of every replica, by namespace and replica set: what a kubelet would report."""
        return {
            (namespace, name): tuple(
                (replica.name, replica.port, replica.ready)
                for replica in self._workloads.replicas(Revision(*place, TARGET, name, "").key)
            )
            for (namespace, name), place in self._places.items()
        }

    def _revision(self, replica_set: Object, env: Mapping[str, str], *, remember: bool = True) -> Revision:
        metadata: dict[str, Any] = replica_set["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        place = self._places.get((namespace, name)) or self._identify(replica_set)
        if remember and (namespace, name) not in self._places:
            self._places[namespace, name] = place
            self._shelf.put(KIND, f"{namespace}/{name}", {"environmentId": place[0], "serviceId": place[1]})
        image = replica_set["spec"]["template"]["spec"]["containers"][0]["image"]
        return Revision(*place, TARGET, name, image, env)

    def _identify(self, replica_set: Object) -> tuple[str, str]:
        metadata = replica_set["metadata"]
        labels = replica_set["spec"]["template"].get("metadata", {}).get("labels") or {}
        owner = next(iter(metadata.get("ownerReferences") or ()), {"name": metadata["name"]})
        deployment = self._objects.get(DEPLOYMENT, metadata["namespace"], owner["name"]) or {"metadata": {}}
        return identity(metadata["namespace"], owner["name"], labels, deployment["metadata"].get("labels") or {})


def pods_of(objects: Objects, namespace: str, replica_set: str) -> list[Object]:
    """The pods that a replica set made, by their generated names: also after it is gone."""
    prefix = f"{replica_set}-"
    return [pod for pod in objects.all(POD, namespace) if pod["metadata"].get("generateName") == prefix]
