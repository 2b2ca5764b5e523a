"""The Kubernetes API server of an AKS cluster, with its controllers, as one ASGI application.

Speaks the API's own wire protocol to unmodified clients (judged by lightkube): server-side apply with field ownership, the
patch types, lists with selectors, watches, conflicts, `Status` errors. Objects are on disk before they are answered, and
after a restart the controllers go on where they were. Pods are run by whoever watches them (`localazure.nodes`).

Everything but health and version needs a bearer token that `authorise` accepts. What is not emulated answers 501: other
resources of the served groups, bare pods, other subresources. OpenAPI documents are not served.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
from collections.abc import Callable
from typing import Any

from localazure.kubernetes import kinds
from localazure.kubernetes.cabinet import Cabinet
from localazure.kubernetes.controllers import Controllers
from localazure.kubernetes.endpoints import Endpoints, Reply
from localazure.kubernetes.kinds import NAMESPACE
from localazure.kubernetes.ownership import Owner
from localazure.kubernetes.registry import Registry
from localazure.kubernetes.routes import route
from localazure.kubernetes.status import Refusal
from localazure.kubernetes.watching import Watch
from localazure.kubernetes.wire import Call, Receive, Scope, Send, read_call, reply, stream
from localazure.lifespan import follow_lifespan
from localazure.shelf import Shelf
from localazure.workloads.loads import Loads

VERSION = "1.36"
_FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_HEALTH = ("healthz", "livez", "readyz")

log = logging.getLogger(__name__)


class Cluster:
    """The ASGI application.

    `start` and `stop` may be called by whoever composes it; the ASGI lifespan calls them too. Both are idempotent.
    """

    def __init__(self, shelf: Shelf, loads: Loads, authorise: Callable[[str], bool]) -> None:
        self._authorise = authorise
        self._registry = Registry(Cabinet(shelf))
        self._controllers = Controllers(self._registry, loads)
        self._endpoints = Endpoints(self._registry)
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        """Run the controllers; what was on disk is taken up."""
        if self._task is not None or self._stopped:
            return
        for name in _FIRST_NAMESPACES:
            if self._registry.cabinet.get(NAMESPACE, "", name) is None:
                thing = {"apiVersion": "v1", "kind": NAMESPACE.kind, "metadata": {"name": name}}
                self._registry.create(NAMESPACE, "", thing, Owner("kube-apiserver"))
        self._task = asyncio.create_task(self._controllers.run(), name="kubernetes controllers")
        self._task.add_done_callback(_note_end)

    async def stop(self) -> None:
        """Stop the controllers for good; everything stays on disk, and a late request starts nothing."""
        self._stopped = True
        self._registry.cabinet.history.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await follow_lifespan(receive, send, self.start, self.stop)
        elif scope["type"] == "http":
            await self.start()
            answered = await self._respond(scope, receive)
            if isinstance(answered, Watch):
                await stream(receive, send, answered.lines())
            else:
                await reply(send, *answered)

    async def _respond(self, scope: Scope, receive: Receive) -> Reply:
        try:
            return self._answer(await read_call(scope, receive))
        except Refusal as refusal:
            return refusal.code, refusal.body()
        except Exception:  # the API server answers a panic with a Status too, and goes on
            log.exception("%s %s", scope["method"], scope["path"])
            return 500, Refusal(500, "an error on the server").body()

    def _answer(self, call: Call) -> Reply:
        if len(call.segments) == 1 and call.segments[0] in _HEALTH:
            return 200, "ok"
        if call.segments == ("version",):
            return 200, _version()
        if not self._authorise(call.token):
            raise Refusal(401, "Unauthorized")
        if (found := _discovery(call.segments)) is not None:
            if call.method != "GET":
                raise Refusal(405, "the server does not allow this method on the requested resource")
            return 200, found
        place = route(call.segments)
        return (404, "404 page not found\n") if place is None else self._endpoints.answer(call, place)


def application(shelf: Shelf, loads: Loads, *, authorise: Callable[[str], bool]) -> Cluster:
    """The cluster on this shelf: an ASGI application. Autoscalers measure `loads`."""
    return Cluster(shelf, loads, authorise)


def _note_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.critical("the controllers have ended: nothing is reconciled any more", exc_info=problem)


def _discovery(segments: tuple[str, ...]) -> dict[str, Any] | None:
    match segments:
        case ("api",):
            return kinds.versions()
        case ("apis",):
            return kinds.groups()
        case ("api", "v1"):
            return kinds.resources("", "v1")
        case ("apis", name):
            return next((row for row in kinds.groups()["groups"] if row["name"] == name), None)
        case ("apis", name, version) if kinds.serves(name, version):
            return kinds.resources(name, version)
    return None


def _version() -> dict[str, str]:
    major, _, minor = VERSION.partition(".")
    return {"major": major, "minor": minor, "gitVersion": f"v{VERSION}.0", "platform": f"linux/{platform.machine()}"}
