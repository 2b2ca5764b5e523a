"""The loop that drives the controllers: events say what to look at, one task looks, always in the same order.

Every change of an object marks what depends on it; marked things are reconciled one at a time (namespaces, garbage,
autoscalers, deployments, replica sets; by name within each), so two controllers never race. A reconciler says when it wants
to be asked again. What runs is none of their business: nodes (`localazure.nodes`) watch pods through the API, and their
word on a pod is an event as any other.

A reconciler that fails is logged and asked again a second later; the others go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from localazure.kubernetes.autoscaling import Autoscaling
from localazure.kubernetes.cabinet import Cabinet, Object
from localazure.kubernetes.deployments import Deployments
from localazure.kubernetes.garbage import Garbage
from localazure.kubernetes.kinds import AUTOSCALER, DEPLOYMENT, KINDS, NAMESPACE, POD, REPLICA_SET, Kind
from localazure.kubernetes.registry import Registry
from localazure.kubernetes.replica_sets import ReplicaSets
from localazure.kubernetes.status import Refusal
from localazure.workloads.loads import Loads

_RETRY = 1.0

log = logging.getLogger(__name__)

# (rank, work, kind's qualified name, namespace, name): sorts into the order in which things are looked at.
_Mark = tuple[int, str, str, str, str]
_RANKS = {"namespace": 0, "finish": 1, "collect": 2, "autoscaler": 3, "deployment": 4, "replica set": 5}
_BY_NAME = {kind.qualified: kind for kind in KINDS}


class Controllers:
    def __init__(self, registry: Registry, loads: Loads) -> None:
        self._cabinet: Cabinet = registry.cabinet
        self._deployments = Deployments(registry)
        self._replica_sets = ReplicaSets(registry)
        self._autoscaling = Autoscaling(registry, loads)
        self._garbage = Garbage(registry)
        self._due: dict[_Mark, float] = {}
        self._wake = asyncio.Event()
        self._cabinet.listen(self._notice)

    async def run(self) -> None:
        """Reconcile until cancelled. Starts by looking at everything there is."""
        for kind in KINDS:
            for thing in self._cabinet.all(kind):
                self._notice(kind, thing, False)
                self._mark("collect", kind, thing)
        while True:
            self._wake.clear()
            now = time.monotonic()
            for mark in sorted(mark for mark, due in self._due.items() if due <= now):
                self._look(mark)
                await asyncio.sleep(0)  # requests come first, however much there is to reconcile
            await self._rest()

    async def _rest(self) -> None:
        """Until the next look is due, or something has happened."""
        due = min(self._due.values(), default=math.inf) - time.monotonic()
        if due > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), None if due == math.inf else due)

    def _look(self, mark: _Mark) -> None:
        del self._due[mark]
        try:
            wait = self._reconcile(mark)
        except Refusal as refusal:
            log.info("%s %s/%s: %s", mark[1], mark[3], mark[4], refusal.message)
            wait = _RETRY
        except Exception:  # one broken object must not stop the cluster; what is wrong is in the log
            log.exception("cannot reconcile %s %s/%s", mark[1], mark[3], mark[4])
            wait = _RETRY
        if wait is not None:
            due = time.monotonic() + wait
            self._due[mark] = min(due, self._due.get(mark, due))

    def _reconcile(self, mark: _Mark) -> float | None:
        _, work, qualified, namespace, name = mark
        if work == "deployment":
            return self._deployments.reconcile(namespace, name)
        if work == "replica set":
            return self._replica_sets.reconcile(namespace, name)
        if work == "autoscaler":
            return self._autoscaling.reconcile(namespace, name)
        if work == "namespace":
            return self._garbage.end_namespace(name)
        if work == "finish":
            self._garbage.finish(_BY_NAME[qualified], namespace, name)
        else:
            self._garbage.collect(_BY_NAME[qualified], namespace, name)
        return None

    def _notice(self, kind: Kind, thing: Object, gone: bool) -> None:
        """What must be looked at because this object was written or has gone."""
        metadata = thing["metadata"]
        if gone:
            self._notice_gone(kind, thing)
        elif metadata.get("deletionTimestamp"):
            self._mark("namespace" if kind is NAMESPACE else "finish", kind, thing)
        namespace = metadata.get("namespace", "")
        if kind is DEPLOYMENT:
            self._mark("deployment", kind, thing)
            for scaler in self._autoscaling.targeting(namespace, metadata["name"]):
                self._add("autoscaler", AUTOSCALER.qualified, namespace, scaler)
        elif kind is REPLICA_SET:
            self._mark("replica set", kind, thing)
        elif kind is AUTOSCALER:
            self._mark("autoscaler", kind, thing)
        self._notice_owner(kind, metadata)

    def _notice_owner(self, kind: Kind, metadata: Mapping[str, Any]) -> None:
        owners = {REPLICA_SET: ("deployment", DEPLOYMENT), POD: ("replica set", REPLICA_SET)}
        if kind in owners:
            work, its_kind = owners[kind]
            for owner in metadata.get("ownerReferences", ()):
                for each in (work, "finish"):
                    self._add(each, its_kind.qualified, metadata["namespace"], owner["name"])

    def _notice_gone(self, kind: Kind, thing: Object) -> None:
        for its_kind, dependent in self._cabinet.dependents(thing):
            self._mark("collect", its_kind, dependent)
        if kind is POD:
            self._notice_ended(thing)
        elif kind is DEPLOYMENT:
            self._deployments.forget(thing["metadata"]["uid"])
        elif kind is AUTOSCALER:
            self._autoscaling.forget(thing["metadata"]["uid"])

    def _notice_ended(self, pod: Object) -> None:
        """A rollout may wait for that (Recreate), though a set counts no pod that is being deleted."""
        namespace = pod["metadata"]["namespace"]
        for owner in pod["metadata"].get("ownerReferences", ()):
            if (replica_set := self._cabinet.get(REPLICA_SET, namespace, owner["name"])) is not None:
                self._notice_owner(REPLICA_SET, replica_set["metadata"])

    def _mark(self, work: str, kind: Kind, thing: Object) -> None:
        self._add(work, kind.qualified, thing["metadata"].get("namespace", ""), thing["metadata"]["name"])

    def _add(self, work: str, qualified: str, namespace: str, name: str) -> None:
        self._due[_RANKS[work], work, qualified, namespace, name] = 0.0
        self._wake.set()
