"""The nodes of one cluster as its composer uses them: started, stopped, and somebody with kubectl beside them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from localazure.nodes.client import Api
from localazure.nodes.nodes import Nodes
from localazure.nodes.outsider import Outsider
from localazure.shelf import Shelf
from localazure.workloads.port import ReplicaHost

log = logging.getLogger(__name__)


class NodePool:
    """A `localazure.workloads.port.Changeable`. The workload runner must be restored before `start`."""

    def __init__(self, api: Api, workloads: ReplicaHost, shelf: Shelf) -> None:
        self._api = api
        self._nodes = Nodes(api, workloads, shelf)
        self.mirror = self._nodes.mirror
        self._outsider = Outsider(api, self.mirror)
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Until everything that the API server holds is known; waits for one that is not there yet."""
        self._running = asyncio.create_task(self._nodes.run(), name="kubernetes nodes")
        self._running.add_done_callback(_note_end)
        await self.mirror.listed()

    async def stop(self) -> None:
        """Nothing runs pods any more; what the cluster holds stays. Idempotent."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
                await self._running
            self._running = None
        await self._api.close()

    async def change(self, environment_id: str, service_id: str, wanted: Mapping[str, Any]) -> bool:
        """Change a workload as somebody with kubectl would: see `Outsider.change`."""
        return await self._outsider.change(environment_id, service_id, wanted)


def _note_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.critical("the nodes have ended: no pod is run any more", exc_info=problem)
