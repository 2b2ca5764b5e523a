"""The platform's messages on a real broker: its own sending side, and the real client for whoever listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from localazure.service_bus import RUNTIME, Broker
from shared.azure.bus import Bus
from shared.azure.messaging import Messaging
from tests.localazure.service_bus.conftest import HostedBroker


@pytest.fixture
def hosted() -> Iterator[HostedBroker]:
    """In a thread of its own: it is stopped while the load goes on."""
    host = HostedBroker(Broker(None, 0, RUNTIME))
    yield host
    host.close()


@pytest.fixture
async def messaging(hosted: HostedBroker) -> AsyncIterator[Messaging]:
    bus = Bus(hosted.connection_string)
    yield Messaging(bus)
    await bus.close()
