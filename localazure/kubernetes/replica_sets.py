"""The replica set controller: as many pods as are wanted, and how they are, as nodes report it.

A pod that is being deleted counts no longer, though it stays until its node has ended it. When there are too many pods,
those that are not ready go first, then the newest.
"""

from __future__ import annotations

from localazure.kubernetes import pods
from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.clock import seconds_since
from localazure.kubernetes.kinds import POD, REPLICA_SET, Kind
from localazure.kubernetes.ownership import Owner
from localazure.kubernetes.registry import Registry
from localazure.kubernetes.selectors import matches_labels
from localazure.workloads.ports import FreePorts

CONTROLLER = Owner("kube-controller-manager")
CONTROLLER_STATUS = Owner("kube-controller-manager", subresource="status")


class ReplicaSets:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._ports = FreePorts()

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring one set closer to what it says; seconds until it must be looked at again, None when it is settled."""
        replica_set = self._registry.cabinet.get(REPLICA_SET, namespace, name)
        if replica_set is None or pods.is_ending(replica_set):
            return None
        adopt(self._registry, REPLICA_SET, replica_set, POD)
        self._resize(replica_set)
        return self._report(replica_set)

    def _active(self, replica_set: Object) -> list[Object]:
        return [pod for pod in self._registry.cabinet.owned(replica_set, POD) if not pods.is_ending(pod)]

    def _resize(self, replica_set: Object) -> None:
        held = self._active(replica_set)
        wanted, namespace = replica_set["spec"]["replicas"], replica_set["metadata"]["namespace"]
        for pod in _surplus(held, len(held) - wanted):
            self._registry.delete(POD, namespace, pod["metadata"]["name"])
        for _ in range(wanted - len(held)):
            self._registry.create(POD, namespace, pods.draft(replica_set, self._ports.draw), CONTROLLER)

    def _report(self, replica_set: Object) -> float | None:
        """Write the set's status; seconds until another pod counts as available, if one will."""
        held = self._active(replica_set)
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
        if metadata.get("ownerReferences") or pods.is_ending(thing):
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
