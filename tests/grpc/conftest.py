"""A server with one environment in which two services run."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from runtime_grpc.server import Server
from tests.grpc.served import Client, World, served


@pytest.fixture
async def world() -> World:
    world = World()
    await world.provision("connectsoft", "env-00000000000000aa", "dev", "api", "worker")  # type: ignore[arg-type]
    return world


@pytest.fixture
async def running(world: World) -> AsyncIterator[tuple[Server, Client]]:
    async with served(world) as pair:
        yield pair


@pytest.fixture
def server(running: tuple[Server, Client]) -> Server:
    return running[0]


@pytest.fixture
def client(running: tuple[Server, Client]) -> Client:
    return running[1]
