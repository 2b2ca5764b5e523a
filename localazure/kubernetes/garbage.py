"""What goes when something goes: dependents of deleted owners, and everything inside a deleted namespace.

Background deletion leaves dependents without an owner, and they are collected here; foreground and orphaning deletions are
held by a finalizer that is released here. A namespace is Terminating for a moment, then its contents go, then itself.
All of it can be read off the objects, so a deletion that was cut short is taken up again after a restart.
"""

from __future__ import annotations

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.clock import seconds_since
from localazure.kubernetes.kinds import AUTOSCALER, DEPLOYMENT, KINDS, NAMESPACE, REPLICA_SET, Kind
from localazure.kubernetes.registry import FOREGROUND, ORPHAN, Registry

_TERMINATING = 0.3  # seconds a namespace stays Terminating at least
# Owners before what they own, so that no controller makes anew what is being removed.
_ORDER = (AUTOSCALER, DEPLOYMENT, REPLICA_SET)


class Garbage:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._noticed: set[str] = set()  # namespaces whose moment as Terminating has begun

    def collect(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object whose owners are all gone; nothing for one that has an owner left, or never had any."""
        thing = self._registry.cabinet.get(kind, namespace, name)
        owners = thing["metadata"].get("ownerReferences") if thing else None
        if owners and not any(self._registry.cabinet.exists(owner["uid"]) for owner in owners):
            self._registry.delete(kind, namespace, name)

    def finish(self, kind: Kind, namespace: str, name: str) -> None:
        """Release the finalizer of a foreground or orphaning deletion when its work is done."""
        thing = self._registry.cabinet.get(kind, namespace, name)
        if thing is None or not thing["metadata"].get("deletionTimestamp"):
            return
        finalizers = thing["metadata"].get("finalizers") or ()
        dependents = list(self._registry.cabinet.dependents(thing))
        if ORPHAN in finalizers:
            for its_kind, dependent in dependents:
                self._disown(its_kind, dependent, thing["metadata"]["uid"])
            self._registry.release(kind, thing, ORPHAN)
        elif FOREGROUND in finalizers and dependents:
            for its_kind, dependent in dependents:
                if not dependent["metadata"].get("deletionTimestamp"):
                    metadata = dependent["metadata"]
                    self._registry.delete(its_kind, metadata["namespace"], metadata["name"], propagation="Foreground")
        elif FOREGROUND in finalizers:
            self._registry.release(kind, thing, FOREGROUND)

    def end_namespace(self, name: str) -> float | None:
        """Empty and remove a namespace that is being deleted; seconds until the next look."""
        namespace = self._registry.cabinet.get(NAMESPACE, "", name)
        if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
            self._noticed.discard(name)
            return None
        if name not in self._noticed and seconds_since(namespace["metadata"]["deletionTimestamp"]) < 2:
            self._noticed.add(name)
            return _TERMINATING
        kinds = [kind for kind in KINDS if kind.namespaced]
        kinds.sort(key=lambda kind: _ORDER.index(kind) if kind in _ORDER else len(_ORDER))
        for kind in kinds:
            for thing in self._registry.cabinet.all(kind, name):
                if self._registry.cabinet.get(kind, name, thing["metadata"]["name"]) is not None:
                    self._registry.delete(kind, name, thing["metadata"]["name"])
        if any(self._registry.cabinet.all(kind, name) for kind in kinds):
            return _TERMINATING
        self._noticed.discard(name)
        self._registry.cabinet.delete(NAMESPACE, "", name)
        return None

    def _disown(self, kind: Kind, dependent: Object, uid: str) -> None:
        metadata = dependent["metadata"]
        owners = [owner for owner in metadata["ownerReferences"] if owner["uid"] != uid]
        kept = {key: value for key, value in metadata.items() if key != "ownerReferences"}
        if owners:
            kept["ownerReferences"] = owners
        self._registry.cabinet.put(kind, {**dependent, "metadata": kept})
