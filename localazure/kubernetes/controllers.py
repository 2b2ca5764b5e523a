"""The loop that drives the controllers: events say what to look at, one task looks, always in the same order.

Every change of an object marks what depends on it; marked things are reconciled one at a time (namespaces, garbage,
autoscalers, deployments, replica sets; by name within each), so two controllers never race. A reconciler says when it wants
to be asked again. Readiness of replicas changes without an event, so it is compared every `SWEEP` seconds.

A reconciler that fails is logged and asked again a second later; the others go on.
"""

from __future__ import annotations

import asyncio
import logging
import time

from localazure.kubernetes.autoscaling import Autoscaling
from localazure.kubernetes.backing import Backing
from localazure.kubernetes.cabinet import Cabinet, Object
from localazure.kubernetes.deployments import Deployments
from localazure.kubernetes.garbage import Garbage
from localazure.kubernetes.kinds import AUTOSCALER, DEPLOYMENT, KINDS, NAMESPACE, POD, REPLICA_SET, Kind
from localazure.kubernetes.registry import Registry
from localazure.kubernetes.replica_sets import ReplicaSets
from localazure.kubernetes.status import Refusal
from localazure.workloads.loads import Loads

SWEEP = 0.25
_RETRY = 1.0

log = logging.getLogger(__name__)

# (rank, work, kind's qualified name, namespace, name): sorts into the order in which things are looked at.
_Mark = tuple[int, str, str, str, str]
_RANKS = {"namespace": 0, "finish": 1, "collect": 2, "backing": 3, "autoscaler": 4, "deployment": 5, "replica set": 6}
_BY_NAME = {kind.qualified: kind for kind in KINDS}


class Controllers:
    def __init__(self, registry: Registry, backing: Backing, loads: Loads) -> None:
        self._cabinet: Cabinet = registry.cabinet
        self._backing = backing
        self._deployments = Deployments(registry, backing)
        self._replica_sets = ReplicaSets(registry, backing)
        self._autoscaling = Autoscaling(registry, loads)
        self._garbage = Garbage(registry)
        self._due: dict[_Mark, float] = {}
        self._wake = asyncio.Event()
        self._seen: dict[tuple[str, str], tuple[tuple[str, int, bool], ...]] = {}
        self._cabinet.listen(self._notice)

    async def run(self) -> None:
        """Reconcile until cancelled. Starts by looking at everything there is."""
        for kind in KINDS:
            for thing in self._cabinet.all(kind):
                self._notice(kind, thing, False)
                self._mark("collect", kind, thing)
        self._add("backing", "", "", "")
        sweep = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= sweep:
                self._sweep()
                sweep = now + SWEEP
            for mark in sorted(mark for mark, due in self._due.items() if due <= now):
                await self._look(mark)
            await self._rest(min([sweep, *self._due.values()]) - time.monotonic())

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(0)  # requests come first, however much there is to reconcile
        if seconds <= 0:
            return
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _look(self, mark: _Mark) -> None:
        del self._due[mark]
        try:
            wait = await self._reconcile(mark)
        except Refusal as refusal:
            log.info("%s %s/%s: %s", mark[1], mark[3], mark[4], refusal.message)
            wait = _RETRY
        except Exception:  # one broken object must not stop the cluster; what is wrong is in the log
            log.exception("cannot reconcile %s %s/%s", mark[1], mark[3], mark[4])
            wait = _RETRY
        if wait is not None:
            due = time.monotonic() + wait
            self._due[mark] = min(due, self._due.get(mark, due))

    async def _reconcile(self, mark: _Mark) -> float | None:
        _, work, qualified, namespace, name = mark
        if work == "deployment":
            return await self._deployments.reconcile(namespace, name)
        if work == "replica set":
            return await self._replica_sets.reconcile(namespace, name)
        if work == "autoscaler":
            return await self._autoscaling.reconcile(namespace, name)
        if work == "namespace":
            return await self._garbage.end_namespace(name)
        if work == "finish":
            self._garbage.finish(_BY_NAME[qualified], namespace, name)
        elif work == "collect":
            self._garbage.collect(_BY_NAME[qualified], namespace, name)
        else:
            await self._backing.forget_gone()
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
        for owner in metadata.get("ownerReferences", ()):
            self._notice_owner(kind, owner["name"], namespace)

    def _notice_owner(self, kind: Kind, owner: str, namespace: str) -> None:
        if kind is REPLICA_SET:
            self._add("deployment", DEPLOYMENT.qualified, namespace, owner)
            self._add("finish", DEPLOYMENT.qualified, namespace, owner)
        elif kind is POD:
            self._add("replica set", REPLICA_SET.qualified, namespace, owner)
            self._add("finish", REPLICA_SET.qualified, namespace, owner)

    def _notice_gone(self, kind: Kind, thing: Object) -> None:
        for its_kind, dependent in self._cabinet.dependents(thing):
            self._mark("collect", its_kind, dependent)
        if kind in (POD, REPLICA_SET):
            self._add("backing", "", "", "")
        elif kind is DEPLOYMENT:
            self._deployments.forget(thing["metadata"]["uid"])
        elif kind is AUTOSCALER:
            self._autoscaling.forget(thing["metadata"]["uid"])

    def _mark(self, work: str, kind: Kind, thing: Object) -> None:
        self._add(work, kind.qualified, thing["metadata"].get("namespace", ""), thing["metadata"]["name"])

    def _add(self, work: str, qualified: str, namespace: str, name: str) -> None:
        self._due[_RANKS[work], work, qualified, namespace, name] = 0.0
        self._wake.set()

    def _sweep(self) -> None:
        readiness = self._backing.readiness()
        for (namespace, name), shown in readiness.items():
            if self._seen.get((namespace, name)) != shown:
                self._add("replica set", REPLICA_SET.qualified, namespace, name)
        self._seen = readiness
