"""The deployment controller: one replica set for each pod template, and a rollout from the old ones to the new one.

A replica set is named after the hash of its template and carries the label pod-template-hash and the revision annotation;
going back to an earlier template takes up its set again under a new revision number. Steps of a rollout are `STEP` seconds
apart; the pace is not kept over a restart of the process, the state is.
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.deployment_status import seconds_left, status_of
from localazure.kubernetes.kinds import DEPLOYMENT, POD, REPLICA_SET
from localazure.kubernetes.pods import controller_reference
from localazure.kubernetes.registry import Registry
from localazure.kubernetes.replica_sets import CONTROLLER, CONTROLLER_STATUS, adopt
from localazure.kubernetes.rollout import Limits, Size, limits, next_sizes

STEP = 0.1  # seconds between two steps of a rollout
REVISION = "deployment.kubernetes.io/revision"
HASH_LABEL = "pod-template-hash"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_NOT_COPIED = (REVISION, "kubectl.kubernetes.io/last-applied-configuration")


class Deployments:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._next_step: dict[str, float] = {}  # monotonic time, by uid

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Take one deployment one step further; seconds until the next look, None when an event is to be waited for."""
        deployment = self._registry.cabinet.get(DEPLOYMENT, namespace, name)
        if deployment is None or deployment["metadata"].get("deletionTimestamp"):
            return None
        adopt(self._registry, DEPLOYMENT, deployment, REPLICA_SET)
        new, event = self._new_set(deployment)
        bounds = limits(deployment["spec"])
        wait = self._step(deployment, new, bounds)
        self._forget_history(deployment, new)
        sets = self._sets(deployment)
        new = self._refreshed(new)
        self._report(deployment, new, sets, bounds, event)
        left = seconds_left(self._registry.get(DEPLOYMENT, namespace, name))
        return min((each for each in (wait, left) if each is not None), default=None)

    def forget(self, uid: str) -> None:
        """A deployment is gone."""
        self._next_step.pop(uid, None)

    def _sets(self, deployment: Object) -> list[Object]:
        """Its replica sets, oldest first."""
        return sorted(self._registry.cabinet.owned(deployment, REPLICA_SET), key=revision_of)

    def _refreshed(self, replica_set: Object | None) -> Object | None:
        if replica_set is None:
            return None
        metadata = replica_set["metadata"]
        return self._registry.cabinet.get(REPLICA_SET, metadata["namespace"], metadata["name"])

    def _new_set(self, deployment: Object) -> tuple[Object | None, str | None]:
        """The set of the template as it is now, made if need be; and what happened, when something did."""
        sets = self._sets(deployment)
        template = deployment["spec"]["template"]
        newest = max((revision_of(each) for each in sets), default=0)
        for each in reversed(sets):
            if _plain_template(each) == template:
                if revision_of(each) == newest:
                    return self._annotate(each, deployment, newest), None
                if deployment["spec"].get("paused"):
                    return each, None
                return self._annotate(each, deployment, newest + 1), "FoundNewReplicaSet"
        if deployment["spec"].get("paused"):
            return None, None
        return self._make_set(deployment, newest + 1), "NewReplicaSetCreated"

    def _make_set(self, deployment: Object, revision: int) -> Object:
        metadata, spec = deployment["metadata"], deployment["spec"]
        template = copy.deepcopy(spec["template"])
        template_hash = _hash(template)
        template.setdefault("metadata", {}).setdefault("labels", {})[HASH_LABEL] = template_hash
        selector = copy.deepcopy(spec["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = template_hash
        thing: Object = {
            "apiVersion": REPLICA_SET.api_version,
            "kind": REPLICA_SET.kind,
            "metadata": {
                "name": f"{metadata['name']}-{template_hash}",
                "labels": dict(template["metadata"]["labels"]),
                "annotations": _annotations(deployment, revision),
                "ownerReferences": [controller_reference(DEPLOYMENT, deployment)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
        }
        if spec.get("minReadySeconds"):
            thing["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        return self._registry.create(REPLICA_SET, metadata["namespace"], thing, CONTROLLER)

    def _annotate(self, replica_set: Object, deployment: Object, revision: int) -> Object:
        wanted = {**(replica_set["metadata"].get("annotations") or {}), **_annotations(deployment, revision)}
        if wanted == replica_set["metadata"].get("annotations"):
            return replica_set
        metadata = replica_set["metadata"]
        return self._registry.update(
            REPLICA_SET,
            metadata["namespace"],
            metadata["name"],
            lambda standing: {**standing, "metadata": {**standing["metadata"], "annotations": wanted}},
            CONTROLLER,
        )

    def _step(self, deployment: Object, new: Object | None, bounds: Limits) -> float | None:
        sets = self._sets(deployment)
        if deployment["spec"].get("paused") or new is None:
            self._scale_paused(sets, bounds)
            return None
        old = [each for each in sets if each["metadata"]["uid"] != new["metadata"]["uid"]]
        running_old = sum(len(self._registry.cabinet.owned(each, POD)) for each in old)
        sizes = next_sizes(bounds, _size(new), [_size(each) for each in old], running_old)
        if not sizes:
            return None
        uid, now = deployment["metadata"]["uid"], time.monotonic()
        if now < (due := self._next_step.get(uid, 0.0)):
            return due - now
        self._next_step[uid] = now + STEP
        self._resize(deployment["metadata"]["namespace"], sizes)
        return STEP

    def _scale_paused(self, sets: Sequence[Object], bounds: Limits) -> None:
        """A paused rollout is only scaled, and only when there is no doubt which set to scale."""
        active = [each for each in sets if each["spec"]["replicas"]] or list(sets[-1:])
        if len(active) == 1 and active[0]["spec"]["replicas"] != bounds.desired:
            metadata = active[0]["metadata"]
            self._resize(metadata["namespace"], {metadata["name"]: bounds.desired})

    def _resize(self, namespace: str, sizes: dict[str, int]) -> None:
        for name, size in sizes.items():

            def resized(standing: Object, size: int = size) -> Object:
                return {**standing, "spec": {**standing["spec"], "replicas": size}}

            self._registry.update(REPLICA_SET, namespace, name, resized, CONTROLLER)

    def _forget_history(self, deployment: Object, new: Object | None) -> None:
        idle = [
            each
            for each in self._sets(deployment)
            if not each["spec"]["replicas"]
            and not each.get("status", {}).get("replicas")
            and (new is None or each["metadata"]["uid"] != new["metadata"]["uid"])
        ]
        surplus = len(idle) - deployment["spec"].get("revisionHistoryLimit", 10)
        for each in idle[: max(0, surplus)]:
            metadata = each["metadata"]
            self._registry.delete(REPLICA_SET, metadata["namespace"], metadata["name"])

    def _report(
        self, deployment: Object, new: Object | None, sets: Sequence[Object], bounds: Limits, event: str | None
    ) -> None:
        status = status_of(deployment, new, sets, bounds, event)
        annotations = dict(deployment["metadata"].get("annotations") or {})
        if new is not None:
            annotations[REVISION] = str(revision_of(new))
        metadata = {**deployment["metadata"], "annotations": annotations}
        if status != deployment.get("status") or metadata != deployment["metadata"]:
            place = (metadata["namespace"], metadata["name"])
            reported = {**deployment, "metadata": metadata, "status": status}
            self._registry.update(DEPLOYMENT, *place, lambda standing: reported, CONTROLLER_STATUS)


def revision_of(replica_set: Object) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def _size(replica_set: Object) -> Size:
    status = replica_set.get("status") or {}
    return Size(replica_set["metadata"]["name"], replica_set["spec"]["replicas"], status.get("availableReplicas", 0))


def _annotations(deployment: Object, revision: int) -> dict[str, str]:
    held = deployment["metadata"].get("annotations") or {}
    return {**{name: value for name, value in held.items() if name not in _NOT_COPIED}, REVISION: str(revision)}


def _plain_template(replica_set: Object) -> Any:
    template = replica_set["spec"]["template"]
    metadata = template.get("metadata") or {}
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _hash(template: Object) -> str:
    """Ten characters that are the same for the same template, in the alphabet of generated names."""
    number = int.from_bytes(hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()[:8])
    letters = []
    for _ in range(10):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)
