"""The broker: one listening socket on loopback, the entities, one timer.

Stopping ends the socket and every connection at once and keeps all state; starting again on the same port carries on. So
does a new process on the same shelf: nothing that was accepted is lost, nothing that was completed comes back.
"""

from __future__ import annotations

import asyncio

from localazure.layout import LOOPBACK
from localazure.listener import Listener
from localazure.service_bus.alarm import Alarm
from localazure.service_bus.connection import Connection
from localazure.service_bus.entities import Entities
from localazure.service_bus.faults import Faults, Oversight, Traffic, ignore, none
from localazure.service_bus.journal import Journal
from localazure.service_bus.namespace import Namespace, Node
from localazure.shelf import Shelf


class Broker:
    """`lock_seconds` holds for entities that name none of their own. Port 0 draws a free one at the first start.
    `faults` and `traffic` are those of `Oversight`.
    """

    def __init__(
        self,
        shelf: Shelf | None,
        port: int,
        entities: Entities,
        *,
        lock_seconds: float = 30,
        faults: Faults = none,
        traffic: Traffic = ignore,
    ) -> None:
        self.oversight = Oversight(faults, traffic)
        self._connections: set[Connection] = set()
        self._listener = Listener(port, self._serve, lambda: [connection.abort for connection in self._connections])
        self._alarm = Alarm(lambda now: self._namespace.tick(now))
        self._namespace = Namespace(entities, lock_seconds, Journal(shelf), self._alarm.at)

    def find(self, path: str) -> Node | None:
        """The entity of a path, whatever its case."""
        return self._namespace.find(path)

    @property
    def port(self) -> int:
        return self._listener.port

    async def start(self) -> None:
        """Listen. Raises `OSError` when the port is taken. A second start is ignored."""
        await self._listener.start()
        self._alarm.start()

    async def stop(self) -> None:
        """Refuse connections from now on and end those there are."""
        self._alarm.stop()
        await self._listener.stop()

    async def _serve(self, port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(self._connect, LOOPBACK, port)

    def _connect(self) -> Connection:
        return Connection(self._namespace, self.oversight, self._connections)


def connection_string(port: int) -> str:
    """What the Azure SDKs take; the development flag makes them speak without TLS."""
    return (
        f"Endpoint=sb://localhost:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=local;UseDevelopmentEmulator=true;"
    )
