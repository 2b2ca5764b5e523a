"""The isolation probe's RPCs, on the real server: every method is tried, a door that is open shows."""

from __future__ import annotations

import time
from dataclasses import replace

from runtime_grpc.probing import RpcProbing, probing_of
from runtime_grpc.server import Server
from runtime_grpc.wire import pb
from shared.kernel.clock import now
from shared.runtime.environments.intactness import HOME_TENANT, ProbeStatus
from shared.runtime.environments.isolation import Isolation
from shared.runtime.probing.recording import RPC_LASTS, Found
from tests.grpc.served import SCOPES, World, served

PROBER = "isolation-probe"
METHODS = sum(len(service.methods_by_name) for service in pb.DESCRIPTOR.services_by_name.values())


def probing(world: World, server: Server) -> RpcProbing:
    async def token() -> str:
        return f"{PROBER};{'+'.join(SCOPES)};{time.time() + 600}"

    return replace(probing_of(world.container, server.port), token=token)


async def test_every_method_refuses_what_is_another_tenants(world: World, server: Server) -> None:
    found = await probing(world, server).probe()
    assert (found.attempts, found.untold, list(found.breaches)) == (METHODS, 0, [])


async def test_a_door_that_is_open_shows_in_the_next_report(world: World) -> None:
    class Open(Isolation):
        async def admit(self, tenant_id: str, ident: str, *others: str, kind: str = "environment"):
            return await super().admit(HOME_TENANT if tenant_id == PROBER else tenant_id, ident, *others, kind=kind)

    vars(world.container)["isolation"] = Open(world.store)
    async with served(world) as (server, _):
        found = await probing(world, server).probe()
    reached = {one.route for one in found.breaches}
    assert {"RuntimeInventory.GetServices", "RuntimeDrift.GetFindings"} <= reached
    recording = world.container.isolation_recording
    report = await recording.record(now(), Found(10, 0, []))
    assert (report.status, report.attempts) == (ProbeStatus.BREACHED, 10 + METHODS)
    assert {one.route for one in report.breaches} == reached


async def test_a_server_that_fell_silent_is_untold(world: World, server: Server) -> None:
    await probing(world, server).probe()
    report = await world.container.isolation_recording.record(now() + 2 * RPC_LASTS, Found(10, 0, []))
    assert (report.status, report.untold) == (ProbeStatus.INCOMPLETE, METHODS)
