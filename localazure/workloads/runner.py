"""The workload runner: every replica of every revision is an HTTP listener on loopback with a port of its own.

Stands in for the nodes that run the containers of Container Apps and AKS. Replicas live in this process; what exists,
since when, on which port, and which revision serves, is on disk before a call returns, and `restore` brings all of it back
after the process was killed: same ports, same start times. A revision's image and environment are those of the moment its
first replica started; they are taken anew only when a revision that has no replica is started again, as new processes
would.

Failure modes: a replica whose port is taken by somebody else while the process is down comes back on a new one (logged);
callers read addresses from `replicas` and follow.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from localazure.layout import LOOPBACK
from localazure.shelf import Shelf
from localazure.workloads.behaviour import Behaviours
from localazure.workloads.health import Answer, answer
from localazure.workloads.images import Images
from localazure.workloads.listener import Connection
from localazure.workloads.port import Replica, Revision
from localazure.workloads.ports import listen

REVISION, REPLICA, SERVING = "workload.revision", "workload.replica", "workload.serving"

# The alphabet of generated Kubernetes names: nothing that reads as a word or as another sign.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


@dataclass
class _Process:
    """One replica that listens. `started_at` is wall-clock time, since it outlives this process."""

    name: str
    revision: Revision
    port: int
    started_at: float
    server: asyncio.Server
    connections: set[Connection] = field(default_factory=set)

    def end(self) -> None:
        self.server.close()
        for connection in list(self.connections):
            connection.close()


class Runner:
    """Implements `localazure.workloads.port.ReplicaHost` (and so `Workloads`). Call `restore` before anything else."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._behaviours = Behaviours(shelf)
        self._images = Images(shelf)
        self._revisions: dict[str, Revision] = {}
        self._processes: dict[str, dict[str, _Process]] = defaultdict(dict)  # by revision key, then by name, oldest first
        self._serving: dict[tuple[str, str], str] = {}
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def restore(self) -> None:
        """Make everything listen again that did when the process ended. Once, before other calls."""
        self._revisions = {key: Revision(**document) for key, document in self._shelf.all(REVISION).items()}
        for document in self._shelf.all(SERVING).values():
            self._serving[document["environment_id"], document["service_id"]] = document["key"]
        kept = sorted(self._shelf.all(REPLICA).values(), key=lambda document: document["started_at"])
        await asyncio.gather(*(self._bring_back(document) for document in kept if document["key"] in self._revisions))

    async def close(self) -> None:
        """Stop listening; what is on disk stays, so that `restore` finds it."""
        for processes in self._processes.values():
            for process in processes.values():
                process.end()
        self._processes.clear()

    async def scale(self, revision: Revision, replicas: int) -> None:
        async with self._locks[revision.key]:
            self._know(revision)
            running = self._processes[revision.key]
            for name in self._surplus(revision.key, len(running) - replicas):
                self._end(revision.key, name)
            for _ in range(replicas - len(running)):
                await self._begin(revision.key, f"{revision.name}-{''.join(secrets.choice(_ALPHABET) for _ in range(5))}")

    async def start(self, revision: Revision, name: str, port: int | None = None) -> None:
        async with self._locks[revision.key]:
            self._know(revision)
            if name not in self._processes[revision.key]:
                await self._begin(revision.key, name, port)

    async def stop(self, key: str, name: str) -> None:
        async with self._locks[key]:
            if name in self._processes[key]:
                self._end(key, name)

    async def remove(self, key: str) -> None:
        async with self._locks[key]:
            for name in list(self._processes.get(key, {})):
                self._end(key, name)
            self._processes.pop(key, None)
            revision = self._revisions.pop(key, None)
            self._shelf.delete(REVISION, key)
            if revision and self._serving.get((revision.environment_id, revision.service_id)) == key:
                self.serve(revision.environment_id, revision.service_id, None)

    def replicas(self, key: str) -> Sequence[Replica]:
        return [self._show(process) for process in self._processes.get(key, {}).values()]

    def serve(self, environment_id: str, service_id: str, key: str | None) -> None:
        place = (environment_id, service_id)
        if self._serving.get(place) == key:
            return
        row = "/".join(place)
        if key is None:
            self._serving.pop(place, None)
            self._shelf.delete(SERVING, row)
            return
        self._serving[place] = key
        self._shelf.put(SERVING, row, {"environment_id": environment_id, "service_id": service_id, "key": key})

    def add_behaviour(self, rule: Mapping[str, Any]) -> None:
        """`POST /workloads/behaviour`. Raises `ValueError` for a rule that cannot be understood."""
        self._behaviours.add(rule)

    def clear_behaviours(self) -> None:
        """`DELETE /workloads/behaviour`."""
        self._behaviours.clear()

    def rows(self) -> list[dict[str, Any]]:
        """`GET /workloads`: one row per service, of the revision that serves; replicas of all. null where none serves.
        An image that was deployed by digest is shown by the tag that was resolved to it."""
        services: dict[tuple[str, str], list[Revision]] = defaultdict(list)
        for revision in self._revisions.values():
            services[revision.environment_id, revision.service_id].append(revision)
        return [self._row(place, revisions) for place, revisions in sorted(services.items())]

    def deployed(self, environment_id: str, service_id: str) -> set[str]:
        """The images of a service's ready replicas, by the references they were deployed with."""
        place = (environment_id, service_id)
        mine = [one for one in self._revisions.values() if (one.environment_id, one.service_id) == place]
        return {replica.image for one in mine for replica in self.replicas(one.key) if replica.ready}

    def _row(self, place: tuple[str, str], revisions: list[Revision]) -> dict[str, Any]:
        serving = self._revisions.get(self._serving.get(place, ""))
        replicas = [(replica, revision) for revision in revisions for replica in self.replicas(revision.key)]
        return {
            "environmentId": place[0],
            "serviceId": place[1],
            "target": (serving or revisions[-1]).target,
            "revision": serving.name if serving else None,
            "image": self._images.shown(serving.image) if serving else None,
            "env": dict(serving.env) if serving else {},
            "replicas": [
                {
                    "url": each.url,
                    "image": self._images.shown(each.image),
                    "ready": each.ready,
                    "env": dict(revision.env),
                }
                for each, revision in replicas
            ],
        }

    def _know(self, revision: Revision) -> None:
        known = self._revisions.get(revision.key)
        if known == revision or (known is not None and self._processes.get(revision.key)):
            return
        self._revisions[revision.key] = revision
        self._shelf.put(REVISION, revision.key, {**asdict(revision), "env": dict(revision.env)})

    def _surplus(self, key: str, count: int) -> list[str]:
        """Which replicas go first: those that are not ready, then the newest (as a ReplicaSet chooses)."""
        if count <= 0:
            return []
        newest_first = sorted(reversed(self.replicas(key)), key=lambda replica: replica.ready)
        return [replica.name for replica in newest_first[:count]]

    async def _begin(self, key: str, name: str, port: int | None = None) -> None:
        process = await self._listen(key, name, port, time.time())
        self._keep(process)

    async def _bring_back(self, document: dict[str, Any]) -> None:
        process = await self._listen(document["key"], document["name"], document["port"], document["started_at"])
        if process.port != document["port"]:
            self._keep(process)

    async def _listen(self, key: str, name: str, port: int | None, started_at: float) -> _Process:
        held = await listen(port)
        connections: set[Connection] = set()
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(lambda: self._respond(process), connections), sock=held
        )
        process = _Process(name, self._revisions[key], held.getsockname()[1], started_at, server, connections)
        self._processes[key][name] = process
        return process

    def _keep(self, process: _Process) -> None:
        row = {
            "key": process.revision.key,
            "name": process.name,
            "port": process.port,
            "started_at": process.started_at,
        }
        self._shelf.put(REPLICA, f"{process.revision.key}/{process.name}", row)

    def _end(self, key: str, name: str) -> None:
        if (process := self._processes.get(key, {}).pop(name, None)) is not None:
            process.end()
        self._shelf.delete(REPLICA, f"{key}/{name}")

    def _ready(self, process: _Process) -> bool:
        behaviour = self._behaviours.of(process.revision)
        return not behaviour.never_ready and time.time() - process.started_at >= behaviour.start

    def _show(self, process: _Process) -> Replica:
        return Replica(process.name, LOOPBACK, process.port, process.revision.image, self._ready(process))

    def _respond(self, process: _Process) -> tuple[Answer, float]:
        behaviour = self._behaviours.of(process.revision)
        return answer(behaviour, self._ready(process)), behaviour.delay
