"""Every object of the cluster, in memory and on disk, under one resourceVersion counter (what etcd is to the API server).

Stored objects are never changed in place: a write replaces the whole object, so that what a reader holds stays as it was.
A write is on disk before `put` or `delete` returns, and listeners hear of it at once, in the order of the writes. The
counter never goes back, restarts included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from localazure.kubernetes.history import Change, History
from localazure.kubernetes.kinds import KINDS, Kind
from localazure.shelf import Shelf

OBJECT, COUNTER = "k8s.object", "k8s.counter"

Object = dict[str, Any]
Listener = Callable[[Kind, Object, bool], None]  # kind, the object as stored or as it last was, whether it is gone


class Objects(Protocol):
    """What is known of the objects of a cluster, by whoever knows it."""

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None: ...

    def all(self, kind: Kind, namespace: str | None = None) -> list[Object]:
        """Objects of one kind, of one namespace or of all (None), in the order of namespace and name."""


class Cabinet:
    """Implements `Objects`."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._objects: dict[Kind, dict[str, dict[str, Object]]] = {kind: {} for kind in KINDS}  # by namespace, name
        self._dependents: dict[str, set[tuple[Kind, str, str]]] = defaultdict(set)  # by uid of the owner
        self._uids: set[str] = set()
        self._listeners: list[Listener] = []
        self._version = int((shelf.get(COUNTER, "version") or {"value": 0})["value"])
        by_name = {kind.qualified: kind for kind in KINDS}
        for key, thing in shelf.all(OBJECT).items():
            self._version = max(self._version, int(thing["metadata"]["resourceVersion"]))
            self._hold(by_name[key.partition("/")[0]], thing)
        self.history = History(self._version)

    @property
    def version(self) -> str:
        """The resourceVersion of the newest write."""
        return str(self._version)

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._objects[kind].get(namespace, {}).get(name)

    def all(self, kind: Kind, namespace: str | None = None) -> list[Object]:
        held = self._objects[kind]
        namespaces = sorted(held) if namespace is None else [namespace]
        return [held[space][name] for space in namespaces if space in held for name in sorted(held[space])]

    def dependents(self, owner: Object) -> Iterator[tuple[Kind, Object]]:
        """What names this object among its owners."""
        for kind, namespace, name in sorted(
            self._dependents.get(owner["metadata"]["uid"], ()), key=lambda row: (row[0].qualified, row[1:])
        ):
            yield kind, self._objects[kind][namespace][name]

    def owned(self, owner: Object, kind: Kind) -> list[Object]:
        return [thing for its_kind, thing in self.dependents(owner) if its_kind is kind]

    def exists(self, uid: str) -> bool:
        return uid in self._uids

    def put(self, kind: Kind, thing: Object) -> Object:
        """Store under the next resourceVersion; the given object must not be changed afterwards."""
        self._version += 1
        stored = {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self._version)}}
        before = self.get(kind, stored["metadata"].get("namespace", ""), stored["metadata"]["name"])
        self._release(kind, stored)
        self._hold(kind, stored)
        self._shelf.put(OBJECT, _key(kind, stored), stored)
        self.history.record(Change(self._version, kind, before, stored))
        self._tell(kind, stored, False)
        return stored

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Take an object away; absent is fine."""
        thing = self.get(kind, namespace, name)
        if thing is None:
            return
        self._version += 1
        self._release(kind, thing)
        del self._objects[kind][namespace][name]
        # Without the counter a restart could give the version of this deletion out again.
        self._shelf.put(COUNTER, "version", {"value": self._version})
        self._shelf.delete(OBJECT, _key(kind, thing))
        self.history.record(Change(self._version, kind, thing, None))
        self._tell(kind, thing, True)

    def _hold(self, kind: Kind, thing: Object) -> None:
        metadata = thing["metadata"]
        place = (metadata.get("namespace", ""), metadata["name"])
        self._objects[kind].setdefault(place[0], {})[place[1]] = thing
        self._uids.add(metadata["uid"])
        for owner in metadata.get("ownerReferences", ()):
            self._dependents[owner["uid"]].add((kind, *place))

    def _release(self, kind: Kind, thing: Object) -> None:
        """Forget what the standing object of this place said of itself."""
        place = (thing["metadata"].get("namespace", ""), thing["metadata"]["name"])
        standing = self.get(kind, *place)
        if standing is None:
            return
        self._uids.discard(standing["metadata"]["uid"])
        for owner in standing["metadata"].get("ownerReferences", ()):
            self._dependents[owner["uid"]].discard((kind, *place))
            if not self._dependents[owner["uid"]]:
                del self._dependents[owner["uid"]]

    def _tell(self, kind: Kind, thing: Object, gone: bool) -> None:
        for listener in self._listeners:
            listener(kind, thing, gone)


def _key(kind: Kind, thing: Object) -> str:
    return f"{kind.qualified}/{thing['metadata'].get('namespace', '')}/{thing['metadata']['name']}"
