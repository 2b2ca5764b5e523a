"""A replica of the workload runner for every scheduled pod, and a kubelet's word on it.

All is learned through the API by watching, and said through it: pods, the deployments and replica sets that own them, the
ConfigMaps and SecretProviderClasses that their environment comes from. A pod's replica listens on the port that the pod was
given when it was made; where somebody else has taken it meanwhile, the pod is removed and its set makes another. A pod that
is being deleted goes when its replica has ended. What runs without a pod is stopped. Of a deployment's replica sets the
one serves that has most ready pods, the newest of equals. While the API server is away nothing
is decided; what changed meanwhile is made good afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from localazure.kubernetes import pods
from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.deployments import revision_of
from localazure.kubernetes.kinds import CONFIG_MAP, DEPLOYMENT, POD, REPLICA_SET, SECRET_PROVIDER_CLASS, Kind
from localazure.nodes.backing import Backing
from localazure.nodes.client import MERGE, Api, path_of
from localazure.nodes.environment import Unresolved
from localazure.nodes.mirror import Mirror
from localazure.nodes.pod_status import status_of
from localazure.shelf import Shelf
from localazure.workloads.port import ReplicaHost

WATCHED = (POD, REPLICA_SET, DEPLOYMENT, CONFIG_MAP, SECRET_PROVIDER_CLASS)
SWEEP = 0.25  # seconds between two looks at the readiness of replicas, which changes without an event
_AGAIN_SECONDS = 0.5
_KUBELET = "kubelet"  # who reports, in managedFields

log = logging.getLogger(__name__)

_Mark = tuple[str, str, str]  # what is looked at ("pod", "replica set", "leftovers"), namespace, name


class Nodes:
    def __init__(self, api: Api, workloads: ReplicaHost, shelf: Shelf) -> None:
        self._api = api
        self.mirror = Mirror(api, WATCHED, self._notice)
        self._backing = Backing(self.mirror, workloads, shelf)
        self._due: dict[_Mark, float] = {("leftovers", "", ""): 0.0}
        self._wake = asyncio.Event()
        self._seen: dict[tuple[str, str], tuple[tuple[str, int, bool], ...]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.mirror.run())
            group.create_task(self._work())

    async def _work(self) -> None:
        await self.mirror.listed()
        sweep = 0.0
        while True:
            now = time.monotonic()
            if now >= sweep:
                self._sweep()
                sweep = now + SWEEP
            for mark in sorted(mark for mark, due in self._due.items() if due <= now):
                await self._look(mark)
            self._wake.clear()
            rest = min([sweep, *self._due.values()]) - time.monotonic()
            if rest > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), rest)

    async def _look(self, mark: _Mark) -> None:
        del self._due[mark]
        work, namespace, name = mark
        try:
            if work == "pod":
                again = await self._pod(namespace, name)
            elif work == "replica set":
                again = await self._replica_set(namespace, name)
            else:
                again = None
                await self._backing.forget_gone()
        except httpx2.HTTPError as problem:
            log.info("%s %s/%s: %r", work, namespace, name, problem)
            again = _AGAIN_SECONDS
        except Exception:  # one broken object must not stop the nodes; what is wrong is in the log
            log.exception("cannot run %s %s/%s", work, namespace, name)
            again = _AGAIN_SECONDS
        if again is not None:
            self._due.setdefault(mark, time.monotonic() + again)

    async def _pod(self, namespace: str, name: str) -> float | None:
        """Run one pod, or end it; seconds until it must be looked at again, None when an event is to be waited for."""
        pod = self.mirror.get(POD, namespace, name)
        if pod is None:
            return None
        replica_set = self._set_of(pod)
        if pods.is_ending(pod):
            if replica_set is not None:
                await self._backing.stop(replica_set, name)
            await self._remove(pod)
            return None
        if replica_set is None or not pod["spec"].get("nodeName"):
            return None  # nobody's, or not scheduled: its next event tells
        try:
            env, problem = self._backing.resolve(replica_set), ""
        except Unresolved as unresolved:
            env, problem = None, str(unresolved)
        port = _port(pod)
        replica = self._backing.replicas(replica_set).get(name)
        if replica is None and env is not None:
            replica = await self._backing.start(replica_set, name, env, port)
        if replica is not None and port not in (None, replica.port):
            await self._backing.stop(replica_set, name)
            await self._remove(pod)
            return None
        status = status_of(pod, replica, problem)
        if not _shows(pod.get("status") or {}, status):
            await self._api.ask("PATCH", f"{path_of(POD, pod)}/status", {"status": status}, MERGE, fieldManager=_KUBELET)
        return _AGAIN_SECONDS if env is None else None

    async def _remove(self, pod: Object) -> None:
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        try:
            await self._api.ask("DELETE", path_of(POD, pod), options)
        except httpx2.HTTPStatusError as refused:
            if refused.response.status_code not in (404, 409):  # it is gone, or another of its name is there
                raise

    async def _replica_set(self, namespace: str, name: str) -> float | None:
        replica_set = self.mirror.get(REPLICA_SET, namespace, name)
        if replica_set is None:
            return None
        for replica in self._backing.replicas(replica_set):
            if self.mirror.get(POD, namespace, replica) is None:
                await self._backing.stop(replica_set, replica)
        owner = _owner(replica_set, DEPLOYMENT)
        sets = [one for one in self.mirror.all(REPLICA_SET, namespace) if _owner(one, DEPLOYMENT) == owner]
        if not replica_set["spec"]["replicas"]:
            try:
                await self._backing.announce(replica_set, self._backing.resolve(replica_set))
            except Unresolved:
                return _AGAIN_SECONDS
        self._backing.serve(max(sets, key=_readiest))
        return None

    def _set_of(self, pod: Object) -> Object | None:
        return self.mirror.get(REPLICA_SET, pod["metadata"]["namespace"], _owner(pod, REPLICA_SET))

    def _notice(self, kind: Kind, thing: Object, gone: bool) -> None:
        namespace, name = thing["metadata"].get("namespace", ""), thing["metadata"]["name"]
        if kind is POD:
            self._add("pod", namespace, name)
            if gone:
                self._add("replica set", namespace, _owner(thing, REPLICA_SET))
                self._add("leftovers", "", "")
        elif kind is REPLICA_SET:
            self._add("leftovers" if gone else "replica set", "" if gone else namespace, "" if gone else name)
            self._look_again(namespace, lambda pod: _owner(pod, REPLICA_SET) == name)
        elif kind in (CONFIG_MAP, SECRET_PROVIDER_CLASS):
            self._look_again(namespace, lambda pod: True)

    def _look_again(self, namespace: str, concerned: Callable[[Object], bool]) -> None:
        """At the pods that may wait for what is there now: every kind has a watch of its own."""
        for pod in self.mirror.all(POD, namespace):
            if not pods.is_ready(pod) and concerned(pod):
                self._add("pod", namespace, pod["metadata"]["name"])

    def _add(self, work: str, namespace: str, name: str) -> None:
        self._due[work, namespace, name] = 0.0
        self._wake.set()

    def _sweep(self) -> None:
        readiness = self._backing.readiness()
        for (namespace, name), shown in readiness.items():
            if self._seen.get((namespace, name)) != shown:
                for pod in self.mirror.all(POD, namespace):
                    if _owner(pod, REPLICA_SET) == name:
                        self._add("pod", namespace, pod["metadata"]["name"])
        self._seen = readiness


def _owner(thing: Object, kind: Kind) -> str:
    owners = thing["metadata"].get("ownerReferences") or ()
    return next((str(owner["name"]) for owner in owners if owner["kind"] == kind.kind), "")


def _readiest(replica_set: Object) -> tuple[int, int]:
    return (replica_set.get("status") or {}).get("readyReplicas", 0), revision_of(replica_set)


def _port(pod: Object) -> int | None:
    ports = pod["spec"]["containers"][0].get("ports") or ()
    return next((int(port["containerPort"]) for port in ports), None)


def _shows(standing: Any, wanted: Any) -> bool:
    """Whether what stands says all that is wanted; the API server adds fields of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(standing, Mapping) and all(_shows(standing.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(standing, list) and len(standing) == len(wanted) and all(map(_shows, standing, wanted))
    return bool(standing == wanted) or (standing is None and wanted in ("", 0, False))
