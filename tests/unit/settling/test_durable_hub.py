"""The durable client as a hub: it fails for instances that are not there, and the sweep must get on all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import azure.durable_functions as df
import pytest

from blueprints.hub import DurableHub
from shared.kernel.errors import Transient
from shared.operations.hub import InstanceState
from tests.unit.doubles.world import World, component


@dataclass
class Client:
    """`status`: the word of the only instance; None: there is none."""

    status: str | None
    terminated: list[str] = field(default_factory=list)

    async def get_status(self, instance_id: str) -> Any:
        return SimpleNamespace(runtime_status=SimpleNamespace(name=self.status) if self.status else None)

    async def terminate(self, instance_id: str, reason: str) -> None:
        if self.status is None:
            raise Exception(f"No instance with ID '{instance_id}' found.")
        self.terminated.append(instance_id)

    async def raise_event(self, instance_id: str, event: str, data: Any) -> None:
        raise Exception(f"No instance with ID '{instance_id}' found.")


def hub(client: Client) -> DurableHub:
    return DurableHub(cast(df.DurableOrchestrationClient, client), lambda: pytest.fail("no container is needed"))


@pytest.mark.parametrize("status", ["Running", "Pending", "Suspended", "ContinuedAsNew"])
async def test_what_works_is_terminated(world: World, status: str) -> None:
    operation, client = await world.deploy(component("api")), Client(status)
    assert await hub(client).state(operation) is InstanceState.WORKING
    await hub(client).terminate(operation)
    assert client.terminated == [operation.instance_id]


@pytest.mark.parametrize("status", ["Completed", "Failed", "Terminated", "Canceled"])
async def test_what_has_ended_is_left_alone(world: World, status: str) -> None:
    operation, client = await world.deploy(component("api")), Client(status)
    assert await hub(client).state(operation) is InstanceState.ENDED
    await hub(client).terminate(operation)
    assert client.terminated == []


async def test_what_is_not_there_needs_no_termination(world: World) -> None:
    operation, client = await world.deploy(component("api")), Client(None)
    assert await hub(client).state(operation) is InstanceState.MISSING
    await hub(client).terminate(operation)


async def test_what_cannot_be_woken_is_transient(world: World) -> None:
    with pytest.raises(Transient):
        await hub(Client(None)).wake("op-1")
