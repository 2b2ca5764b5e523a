"""A real cluster, as the local Azure uses one: furnished, its nodes run, its API server answered, its workloads changeable.

The control plane's programs are children of the supervisor (`parts`); this is what this process adds to them. It takes the
place of the stand-in in `localazure.services`, and tests start it by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import httpx2

from localazure.kubernetes_real import furnishing, hooks
from localazure.kubernetes_real.client import Api
from localazure.kubernetes_real.metrics import Metrics
from localazure.kubernetes_real.nodes import Nodes
from localazure.kubernetes_real.outsider import Outsider
from localazure.layout import LOOPBACK, Layout
from localazure.services.stand_in import HttpStandIn, Tls
from localazure.shelf import Shelf
from localazure.supervisor.kept import CLUSTER_TOKEN, secret
from localazure.workloads.loads import Loads
from localazure.workloads.port import ReplicaHost

_READY_SECONDS = 60.0
_AGAIN_SECONDS = 0.1

log = logging.getLogger(__name__)


class RealCluster:
    """A `localazure.workloads.port.Changeable`. `authorise` says whether a token is the platform's.

    The workload runner must be restored before `start`, and the control plane must be started by somebody.
    """

    def __init__(
        self, layout: Layout, shelf: Shelf, workloads: ReplicaHost, loads: Loads, authorise: Callable[[str], bool]
    ) -> None:
        self._layout = layout
        url = f"https://{LOOPBACK}:{layout.ports['kubernetesApi']}"
        self._api = Api(url, layout.ca, secret(layout.data, CLUSTER_TOKEN))
        self._nodes = Nodes(self._api, workloads, shelf)
        metrics = Metrics(self._nodes.mirror, loads)
        tls = Tls(layout.certificate, layout.certificate_key)
        self._hooks = HttpStandIn(hooks.application(authorise, metrics), layout.ports["kubernetesHooks"], tls)
        self._outsider = Outsider(self._api, self._nodes.mirror)
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Until pods can be made. Raises `TimeoutError` when the control plane does not come to that."""
        await self._hooks.start()
        async with asyncio.timeout(_READY_SECONDS):
            for kind, body in furnishing.wanted(self._layout.ca.read_text(), self._layout.ports["kubernetesHooks"]):
                await self._insist(partial(self._api.apply, kind, body))
            self._running = asyncio.create_task(self._nodes.run(), name="kubernetes nodes")
            self._running.add_done_callback(_note_end)
            await self._nodes.mirror.listed()
            await self._insist(self._usable)

    async def stop(self) -> None:
        """Nothing runs pods any more; what the cluster holds stays."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
                await self._running
            self._running = None
        await self._hooks.stop()
        await self._api.close()

    async def change(self, environment_id: str, service_id: str, wanted: Mapping[str, Any]) -> bool:
        """Change a workload as somebody with kubectl would: see `Outsider.change`."""
        return await self._outsider.change(environment_id, service_id, wanted)

    async def _usable(self) -> None:
        """Nodes are Ready, and the first namespace has the account without which no pod is made."""
        for name in furnishing.NODES:
            node = await self._api.ask("GET", f"/api/v1/nodes/{name}")
            ready = [row["status"] for row in node["status"].get("conditions") or () if row["type"] == "Ready"]
            if ready != ["True"]:
                raise httpx2.TransportError(f"{name} is not Ready")
        await self._api.ask("GET", "/api/v1/namespaces/default/serviceaccounts/default")

    async def _insist(self, call: Callable[[], Awaitable[None]]) -> None:
        """Until the API server is there and does not say no; it says so while it is starting."""
        while True:
            try:
                await call()
            except httpx2.HTTPError as problem:
                log.debug("not yet: %r", problem)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return


def _note_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.critical("the nodes have ended: no pod is run any more", exc_info=problem)
