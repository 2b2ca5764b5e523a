"""A small workload runner and a small Key Vault, as far as ARM needs them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from localazure.workloads.port import Replica, Revision


@dataclass
class Runner:
    """Replicas are HTTP listeners that answer with their image; `never_ready` names images that do not become ready."""

    never_ready: set[str] = field(default_factory=set)
    known: dict[str, Revision] = field(default_factory=dict)
    served: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _servers: dict[str, list[asyncio.Server]] = field(default_factory=dict)

    async def scale(self, revision: Revision, replicas: int) -> None:
        self.known[revision.key] = revision
        servers = self._servers.setdefault(revision.key, [])
        while len(servers) < replicas:
            servers.append(await self._listen(f"{revision.image}#{len(servers)}"))
        while len(servers) > replicas:
            servers.pop().close()

    async def remove(self, key: str) -> None:
        if revision := self.known.pop(key, None):
            await self.scale(revision, 0)
            del self.known[key]

    def replicas(self, key: str) -> list[Replica]:
        if (revision := self.known.get(key)) is None:
            return []
        ready = revision.image not in self.never_ready
        return [
            Replica(f"{revision.name}-{n}", "127.0.0.1", server.sockets[0].getsockname()[1], revision.image, ready)
            for n, server in enumerate(self._servers[key])
        ]

    def serve(self, environment_id: str, service_id: str, key: str | None) -> None:
        self.served[environment_id, service_id] = key

    def close(self) -> None:
        for servers in self._servers.values():
            for server in servers:
                server.close()

    async def _listen(self, text: str) -> asyncio.Server:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            body = text.encode()
            close = b"Connection: close\r\n" if b"Connection: close" in head else b""
            writer.write(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (close, len(body), body))
            await writer.drain()
            writer.close()

        return await asyncio.start_server(answer, "127.0.0.1", 0)


@dataclass
class Vaults:
    created: list[str] = field(default_factory=list)

    def create(self, name: str) -> None:
        self.created.append(name)

    def delete(self, name: str) -> None:
        self.created.remove(name)
