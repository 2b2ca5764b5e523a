"""`python -m benchmarks.grpc_server`: the platform's gRPC server on the in-memory store, and a bare one beside it.

All live in this process and take turns. The platform's verifies real tokens, as it does in production. The bare one answers
with the same bytes and does nothing else: no token, no interceptor, no revision. Its `Say` answers them after the initial
metadata that the contract wants of every call, which grpc.aio sends in a batch and a write of its own: what no server
that keeps to the contract can save. One line on stdout says where they are; the end of stdin ends them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import grpc
from joserfc.jwk import ECKey, RSAKey

from runtime_grpc.doorway import INITIAL_METADATA
from runtime_grpc.server import Server
from runtime_grpc.wire import PACKAGE, pb
from shared.access.authoriser import Authoriser
from shared.access.caller import Caller
from shared.access.keys import SigningKeys
from shared.access.tokens import Tokens
from shared.kernel.clock import now
from shared.runtime.catalog.rows import MAX_SERVICES
from tests.grpc.served import ENVIRONMENT, SCOPES, TENANT, Client, World
from tests.unit.access.issuing import AUDIENCE, ISSUER, Issuer

BARE = "bench.Bare"
SETTINGS = {"GRPC_POLL_SECONDS": "0.005", "GRPC_HEARTBEAT_SECONDS": "30"}
STATUSES = ("Healthy", "Unhealthy")


class Bare:
    def __init__(self, world: World, answer: bytes, message: bytes) -> None:
        self._world = world
        self._answer = answer
        self._message = message
        self._fired: set[asyncio.Event] = set()
        self._changes = 0

    async def get(self, request: bytes, context: Any) -> bytes:
        return self._answer

    async def say(self, request: bytes, context: Any) -> bytes:
        await context.send_initial_metadata(INITIAL_METADATA)
        return self._answer

    async def follow(self, request: bytes, context: Any) -> None:
        fired = asyncio.Event()
        self._fired.add(fired)
        try:
            await context.write(self._message)
            while True:
                await fired.wait()
                fired.clear()
                await context.write(self._message)
        finally:
            self._fired.discard(fired)

    async def fire(self, request: bytes, context: Any) -> bytes:
        for fired in self._fired:
            fired.set()
        return b""

    async def change(self, request: bytes, context: Any) -> bytes:
        """The same for the platform's streams: a sweep finds another status."""
        self._changes += 1
        await self._world.health({"s-0": STATUSES[self._changes % 2]})
        return b""

    async def spent(self, request: bytes, context: Any) -> bytes:
        """CPU seconds of this process so far."""
        return str(time.process_time()).encode()

    def handlers(self) -> Any:
        unary = {"Get": self.get, "Say": self.say, "Fire": self.fire, "Change": self.change, "Spent": self.spent}
        behaviours = {name: grpc.unary_unary_rpc_method_handler(one) for name, one in unary.items()}
        behaviours["Follow"] = grpc.unary_stream_rpc_method_handler(self.follow)
        return grpc.method_handlers_generic_handler(BARE, behaviours)


def signing() -> tuple[Authoriser, str]:
    """The platform's own authoriser, with keys of an issuer in this process, and a token that it lets in."""
    issuer = Issuer(RSAKey.generate_key(2048), RSAKey.generate_key(2048), ECKey.generate_key("P-256"))
    keys = SigningKeys(ISSUER, issuer.fetch, time.monotonic)
    tokens = Tokens(keys, issuer=ISSUER, audience=AUDIENCE, tenant_claim="tenantId", decryption_key=None, clock=now)
    claims = {"tenantId": TENANT, "scope": " ".join(SCOPES), "exp": int(time.time()) + 3600, "nbf": None}
    return Authoriser(tokens), issuer.token(**claims)


async def main() -> None:
    world = World(**SETTINGS)
    authoriser, token = signing()
    vars(world.container)["authoriser"] = authoriser
    names = [f"s-{number}" for number in range(MAX_SERVICES)]
    await world.provision(TENANT, ENVIRONMENT, "dev", *names)
    await world.health(dict.fromkeys(names, "Healthy"))
    server = Server(world.container, "127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        client = Client(channel)
        answer = await client.services(token)
        stream = client.stream(token, service_id="s-0")
        message = await stream.read()
        stream.cancel()
    handlers = Bare(world, answer.SerializeToString(), message.SerializeToString()).handlers()
    bare = grpc.aio.server()
    bare.add_generic_rpc_handlers((handlers,))
    port = bare.add_insecure_port("127.0.0.1:0")
    await bare.start()
    caller = Caller(TENANT, "ada", "bench", frozenset(), "trace-" + "1" * 32)
    document = await world.container.inventory.environment(caller, ENVIRONMENT)
    told = {
        "platform": f"127.0.0.1:{server.port}",
        "bare": f"127.0.0.1:{port}",
        "token": token,
        "bytes": answer.ByteSize(),
        "json": len(json.dumps({"inventory": document["inventory"]}, separators=(",", ":"))),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.gather(server.stop(0), bare.stop(0))


def get_services() -> tuple[str, bytes]:
    """Path and request of the call that is measured."""
    request = pb.GetServicesRequest(environment_id=ENVIRONMENT, tenant_id=TENANT)
    return f"/{PACKAGE}.RuntimeInventory/GetServices", request.SerializeToString()


def stream_health() -> tuple[str, bytes]:
    request = pb.StreamHealthRequest(environment_id=ENVIRONMENT, service_id="s-0")
    return f"/{PACKAGE}.RuntimeHealth/StreamHealth", request.SerializeToString()


if __name__ == "__main__":
    asyncio.run(main())
