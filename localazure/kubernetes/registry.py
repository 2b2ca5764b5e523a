"""Every write of an object, with the rules that all kinds share (the API server's generic registry).

Invariants: uid, creation time, name and generation are the server's; status is written through its subresource only and
spec never through that; a write from an older resourceVersion is a 409; a write that changes nothing makes no new version;
an object with finalizers is only marked when it is deleted, and goes with its last finalizer. generation grows with the
spec, and for deployments with the annotations too (kubernetes: registry/apps/deployment/strategy.go).
"""

from __future__ import annotations

import copy
import math
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from localazure.kubernetes import defaults, ownership, validation
from localazure.kubernetes.cabinet import Cabinet, Object
from localazure.kubernetes.clock import stamp
from localazure.kubernetes.kinds import AUTOSCALER, DEPLOYMENT, NAMESPACE, POD, REPLICA_SET, SERVICE, Kind
from localazure.kubernetes.ownership import Owner
from localazure.kubernetes.status import Refusal, already_exists, not_found, stale

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_ENDING = ("deletionTimestamp", "deletionGracePeriodSeconds")
_SERVER_KEPT = ("uid", "creationTimestamp", "generation", "namespace", "name", "managedFields", *_ENDING)
# What a status says before a controller has looked: the fields that are not optional.
_FIRST_STATUS: dict[Kind, Object] = {
    NAMESPACE: {"phase": "Active"},
    POD: {"phase": "Pending"},
    REPLICA_SET: {"replicas": 0},
    AUTOSCALER: {"currentReplicas": 0, "desiredReplicas": 0},
    SERVICE: {"loadBalancer": {}},
}

Change = Callable[[Object], Object]


def suffix() -> str:
    """The five characters at the end of a generated name."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


class Registry:
    def __init__(self, cabinet: Cabinet) -> None:
        self.cabinet = cabinet

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises 404."""
        thing = self.cabinet.get(kind, namespace, name)
        if thing is None:
            raise not_found(kind, name)
        return thing

    def create(
        self, kind: Kind, namespace: str, given: Mapping[str, Any], owner: Owner, *, dry_run: bool = False
    ) -> Object:
        """Raises 404 for an absent namespace, 409 for a name that is taken, 422 for what is invalid."""
        thing: Object = _plain(given)
        metadata = thing["metadata"]
        if metadata.get("resourceVersion"):
            raise Refusal(500, "resourceVersion should not be set on objects to be created", reason="")
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + suffix()
        self._admit(kind, namespace)
        if self.cabinet.get(kind, namespace, metadata.get("name", "")) is not None:
            raise already_exists(kind, metadata["name"])
        self._begin(kind, namespace, thing)
        _complete(kind, thing, None)
        ownership.record_update({}, thing, owner)
        return thing if dry_run else self.cabinet.put(kind, thing)

    def update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: Change,
        owner: Owner,
        *,
        dry_run: bool = False,
    ) -> Object:
        """Replace an object by what `change` makes of a copy of it. Raises 404, 409 (stale), 422."""
        standing = self.get(kind, namespace, name)
        thing: Object = _plain(change(copy.deepcopy(standing)))
        self._carry_over(kind, standing, thing, owner.subresource)
        _complete(kind, thing, standing)
        ownership.record_update(standing, thing, owner)
        return self._store(kind, standing, thing, owner.subresource, dry_run=dry_run)

    def apply(
        self, kind: Kind, namespace: str, given: Mapping[str, Any], owner: Owner, *, force: bool, dry_run: bool = False
    ) -> tuple[Object, bool]:
        """Server-side apply: the object, and whether it was created. Raises 404, 409 (conflict), 422."""
        wanted: Object = _plain(given)
        name = wanted["metadata"]["name"]
        standing = self.cabinet.get(kind, namespace, name)
        if wanted["metadata"].pop("managedFields", None):
            raise Refusal(400, "metadata.managedFields must be nil")
        for section in _sections_not_written(kind, owner.subresource):
            wanted.pop(section, None)
        if standing is None:
            if owner.subresource or wanted["metadata"].get("uid"):
                raise not_found(kind, name)
            return self._apply_new(kind, namespace, wanted, owner, dry_run=dry_run), True
        version = wanted["metadata"].pop("resourceVersion", None)
        if version not in (None, "", standing["metadata"]["resourceVersion"]):
            raise stale(kind, name)
        thing: Object = _plain(ownership.apply(standing, wanted, owner, force=force))
        managed = thing["metadata"]["managedFields"]
        self._carry_over(kind, standing, thing, owner.subresource)
        thing["metadata"]["managedFields"] = managed
        _complete(kind, thing, standing)
        return self._store(kind, standing, thing, owner.subresource, dry_run=dry_run), False

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        propagation: str = "Background",
        grace: int | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Take an object away, or mark it while finalizers or its node hold it; the object as it is then. Raises 404.

        `grace` in seconds is for pods alone; None is what the pod says.
        """
        standing = self.get(kind, namespace, name)
        if dry_run:
            return standing
        finalizer = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(propagation)
        held = list(standing["metadata"].get("finalizers") or [])
        if finalizer is not None and finalizer not in held:
            held.append(finalizer)
        seconds = _grace(kind, standing, grace)
        if not held and not seconds and kind is not NAMESPACE:
            self.cabinet.delete(kind, namespace, name)
            return standing
        if standing["metadata"].get("deletionGracePeriodSeconds", math.inf) <= seconds:
            return standing
        end = {"deletionTimestamp": stamp(seconds), "deletionGracePeriodSeconds": seconds}
        metadata = {**standing["metadata"], **end}
        if held:
            metadata["finalizers"] = held
        marked = {**standing, "metadata": metadata}
        if kind is NAMESPACE:
            marked["status"] = {"phase": "Terminating"}
        return self.cabinet.put(kind, marked)

    def release(self, kind: Kind, thing: Object, finalizer: str) -> None:
        """Take one finalizer off an object; its last one takes the object with it."""
        left = [each for each in thing["metadata"].get("finalizers") or () if each != finalizer]
        metadata = {**thing["metadata"], "finalizers": left}
        self._store(kind, thing, {**thing, "metadata": metadata}, "", dry_run=False)

    def _apply_new(self, kind: Kind, namespace: str, wanted: Object, owner: Owner, *, dry_run: bool) -> Object:
        if wanted["metadata"].get("resourceVersion"):
            raise stale(kind, wanted["metadata"]["name"])
        self._admit(kind, namespace)
        thing: Object = _plain(ownership.apply({}, wanted, owner, force=False))
        self._begin(kind, namespace, thing)
        _complete(kind, thing, None)
        return thing if dry_run else self.cabinet.put(kind, thing)

    def _admit(self, kind: Kind, namespace: str) -> None:
        if not kind.namespaced:
            return
        home = self.get(NAMESPACE, "", namespace)
        if home["metadata"].get("deletionTimestamp"):
            raise Refusal(
                403,
                f'unable to create new content in namespace "{namespace}" because it is being terminated',
                causes=[{"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated"}],
            )

    def _begin(self, kind: Kind, namespace: str, thing: Object) -> None:
        metadata = thing["metadata"]
        for name in (*_ENDING, "selfLink", "resourceVersion", "generation"):
            metadata.pop(name, None)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": stamp()}
        if kind.namespaced:
            metadata["namespace"] = namespace
        if kind.has_generation:
            metadata["generation"] = 1
        if "status" in kind.subresources:
            thing["status"] = copy.deepcopy(_FIRST_STATUS.get(kind, {}))

    def _carry_over(self, kind: Kind, standing: Object, thing: Object, subresource: str) -> None:
        """Put back what this write may not change. Raises 409 when it was made from another version or object."""
        metadata, kept = thing["metadata"], standing["metadata"]
        if metadata.get("resourceVersion") not in (None, "", kept["resourceVersion"]):
            raise stale(kind, kept["name"])
        if metadata.get("uid") not in (None, "", kept["uid"]):
            raise Refusal(409, f"Precondition failed: UID in precondition: {metadata['uid']}", kind=kind, name=kept["name"])
        for section in _sections_not_written(kind, subresource):
            thing.pop(section, None)
            if section in standing:
                thing[section] = copy.deepcopy(standing[section])
        for name in (*_SERVER_KEPT, "resourceVersion", *(("labels",) if subresource == "status" else ())):
            metadata.pop(name, None)
            if name in kept:
                metadata[name] = copy.deepcopy(kept[name])
        thing |= {"apiVersion": kind.api_version, "kind": kind.kind}

    def _store(self, kind: Kind, standing: Object, thing: Object, subresource: str, *, dry_run: bool) -> Object:
        if thing == standing:
            return standing
        if kind.has_generation and subresource != "status" and _intent(kind, thing) != _intent(kind, standing):
            thing["metadata"]["generation"] = standing["metadata"]["generation"] + 1
        if dry_run:
            return thing
        metadata = thing["metadata"]
        ended = metadata.get("deletionGracePeriodSeconds") == 0
        if ended and not metadata.get("finalizers") and kind is not NAMESPACE:
            self.cabinet.delete(kind, metadata.get("namespace", ""), metadata["name"])
            return thing
        return self.cabinet.put(kind, thing)


def _grace(kind: Kind, thing: Object, asked: int | None) -> int:
    """Seconds that a node has to end a pod: none before the pod has one."""
    if kind is not POD or not thing["spec"].get("nodeName"):
        return 0
    return int(thing["spec"]["terminationGracePeriodSeconds"]) if asked is None else asked


def _plain(value: Any) -> Any:
    """A copy without null fields: a typed object has none, and a template must not differ by one."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _complete(kind: Kind, thing: Object, standing: Object | None) -> None:
    try:
        defaults.fill_in(kind, thing)
        validation.check(kind, thing, standing)
    except (AttributeError, TypeError, KeyError, IndexError) as problem:  # a list where a map belongs, and the like
        raise Refusal(400, f"{kind.kind} in version {kind.version!r} cannot be handled as a {kind.kind}") from problem


def _sections_not_written(kind: Kind, subresource: str) -> tuple[str, ...]:
    if subresource == "status":
        return ("spec",)
    return ("status",) if "status" in kind.subresources else ()


def _intent(kind: Kind, thing: Object) -> Any:
    annotations = thing["metadata"].get("annotations") if kind is DEPLOYMENT else None
    return thing.get("spec"), annotations or {}
