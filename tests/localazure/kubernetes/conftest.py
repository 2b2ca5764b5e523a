"""A cluster on a free port, with the real workload runner behind it, spoken to by the real client."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from lightkube import ApiError, AsyncClient
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster as ClusterEntry
from lightkube.config.models import User
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace

from localazure.kubernetes.app import Cluster, application
from localazure.nodes.client import Api
from localazure.nodes.pool import NodePool
from localazure.shelf import Shelf
from localazure.workloads.loads import Loads
from localazure.workloads.runner import Runner

TOKEN = "the-token-of-the-platform"


def client_of(url: str, token: str = TOKEN) -> AsyncClient:
    config = KubeConfig.from_one(user=User(token=token), cluster=ClusterEntry(server=url), context_name="local")
    return AsyncClient(config=config.get(), field_manager="platform", trust_env=False)


@dataclass
class Lab:
    """One started cluster. `stop` leaves the data; the disk state is what a SIGKILL would leave."""

    url: str
    runner: Runner
    loads: Loads
    cluster: Cluster
    nodes: NodePool
    shelf: Shelf
    server: uvicorn.Server
    serving: asyncio.Task[None]

    def client(self, token: str = TOKEN) -> AsyncClient:
        return client_of(self.url, token)

    async def stop(self) -> None:
        await self.nodes.stop()
        self.server.should_exit = True
        await self.serving
        await self.cluster.stop()
        await self.runner.close()
        self.shelf.close()


async def start_lab(data: Path) -> Lab:
    shelf = Shelf(data / "services.sqlite")
    runner = Runner(shelf)
    await runner.restore()
    loads = Loads(shelf)
    cluster = application(shelf, loads, authorise=lambda token: token == TOKEN)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(cluster, log_config=None, timeout_graceful_shutdown=1, timeout_keep_alive=60))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    nodes = NodePool(Api(url, TOKEN), runner, shelf)
    await nodes.start()
    return Lab(url, runner, loads, cluster, nodes, shelf, server, serving)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    started = await start_lab(tmp_path)
    yield started
    await started.stop()


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[AsyncClient]:
    async with lab.client() as opened:
        await opened.create(Namespace(metadata=ObjectMeta(name="env")))
        yield opened


@pytest.fixture
async def http(lab: Lab) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=lab.url, headers=headers, trust_env=False) as opened:
        yield opened


def deployment(image: str = "acr.io/orders:1", *, name: str = "orders", replicas: int | None = 2, **spec: Any) -> Any:
    labels = {
        "app.kubernetes.io/name": name,
        "cs.connectsoft.ai/environment-id": "env-1",
        "cs.connectsoft.ai/service-id": name,
    }
    container = {"name": "app", "image": image, "ports": [{"containerPort": 8080}], **spec.pop("container", {})}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    body: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "env", "labels": labels},
        "spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": name}}, "template": template, **spec},
    }
    if replicas is not None:
        body["spec"]["replicas"] = replicas
    return Deployment.from_dict(body)


async def until(holds: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> Any:
    """Wait until the condition holds, and give what it gave."""
    async with asyncio.timeout(seconds):
        while not (found := await holds()):  # noqa: ASYNC110 (there is no watch to wait on)
            await asyncio.sleep(0.02)
        return found


async def rolled_out(client: AsyncClient, name: str = "orders", seconds: float = 20.0) -> Any:
    """The deployment, once `kubectl rollout status` would say that it is complete."""

    async def complete() -> Any:
        with contextlib.suppress(ApiError):
            found = await client.get(Deployment, name, namespace="env")
            status, wanted = found.status, found.spec.replicas
            counts = {status.updatedReplicas or 0, status.replicas or 0, status.availableReplicas or 0}
            if (status.observedGeneration or 0) >= found.metadata.generation and counts == {wanted}:
                return found
        return None

    return await until(complete, seconds)


async def comes_to_run(lab: Lab, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What runs of the one service, once that holds: nodes follow the API, and what was replaced takes a moment to end."""

    async def seen() -> dict[str, Any] | None:
        (row,) = lab.runner.rows()
        return row if holds(row) else None

    return dict(await until(seen))
