"""The Kubernetes stand-in with nodes: its API on a port of its own, and the workload runner, which knows nothing else.

What is made to fail between the cluster and the platform is not met by the nodes: that is on another listener.
"""

from __future__ import annotations

from pathlib import Path

from localazure.kubernetes.app import Cluster
from localazure.nodes.client import Api
from localazure.nodes.pool import NodePool
from localazure.services.stand_in import HttpStandIn, Tls
from localazure.shelf import Shelf
from localazure.workloads.port import Changeable, ReplicaHost


class StandInCluster:
    """`changeable` is what somebody with kubectl does. `token` is one that the cluster accepts, `authority` what its
    certificate is trusted by. The workload runner must be restored before `start`."""

    def __init__(
        self, app: Cluster, port: int, tls: Tls, authority: Path, token: str, workloads: ReplicaHost, shelf: Shelf
    ) -> None:
        self._app = app
        self._listener = HttpStandIn(app, port, tls)
        self._nodes = NodePool(Api(self._listener.url, token, authority), workloads, shelf)
        self.changeable: Changeable = self._nodes

    async def start(self) -> None:
        """Until the nodes know all that stands. Raises `OSError` when the port stays taken."""
        await self._app.start()
        await self._listener.start()
        await self._nodes.start()

    async def stop(self) -> None:
        """Nothing runs pods any more; what is on disk stays."""
        await self._nodes.stop()
        await self._app.stop()  # ends the watches that the listener would cut
        await self._listener.stop()
