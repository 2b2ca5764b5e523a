"""A real cluster, as the local Azure uses one: furnished, its API server answered, its nodes run.

The control plane's programs are children of the supervisor (`parts`); this is what this process adds to them. It takes the
place of the stand-in in `localazure.services`, and tests start it by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import httpx2

from localazure.kubernetes_real import furnishing, hooks
from localazure.kubernetes_real.metrics import Metrics
from localazure.layout import LOOPBACK, Layout
from localazure.nodes.client import Api
from localazure.nodes.pool import NodePool
from localazure.services.stand_in import HttpStandIn, Tls
from localazure.shelf import Shelf
from localazure.supervisor.kept import CLUSTER_TOKEN, secret
from localazure.workloads.loads import Loads
from localazure.workloads.port import Changeable, ReplicaHost

_READY_SECONDS = 60.0
_AGAIN_SECONDS = 0.1

log = logging.getLogger(__name__)


class RealCluster:
    """`changeable` is what somebody with kubectl does. `authorise` says whether a token is the platform's.

    The workload runner must be restored before `start`, and the control plane must be started by somebody.
    """

    def __init__(
        self, layout: Layout, shelf: Shelf, workloads: ReplicaHost, loads: Loads, authorise: Callable[[str], bool]
    ) -> None:
        self._layout = layout
        url = f"https://{LOOPBACK}:{layout.ports['kubernetesApi']}"
        self._api = Api(url, secret(layout.data, CLUSTER_TOKEN), layout.ca)
        self._nodes = NodePool(self._api, workloads, shelf)
        self.changeable: Changeable = self._nodes
        metrics = Metrics(self._nodes.mirror, loads)
        tls = Tls(layout.certificate, layout.certificate_key)
        self._hooks = HttpStandIn(hooks.application(authorise, metrics), layout.ports["kubernetesHooks"], tls)

    async def start(self) -> None:
        """Until pods can be made. Raises `TimeoutError` when the control plane does not come to that."""
        await self._hooks.start()
        async with asyncio.timeout(_READY_SECONDS):
            for kind, body in furnishing.wanted(self._layout.ca.read_text(), self._layout.ports["kubernetesHooks"]):
                await self._insist(partial(self._api.apply, kind, body))
            await self._nodes.start()
            await self._insist(self._usable)

    async def stop(self) -> None:
        """Nothing runs pods any more; what the cluster holds stays."""
        await self._nodes.stop()
        await self._hooks.stop()

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
