"""The isolation probe's RPCs: every method of runtime.proto against ids that are another tenant's, over the server's own
socket, as a synthetic tenant. The app counts what is found here into its next report (`shared.runtime.probing`).

Each is called twice, with the other tenant's ids and with ids that nobody has, and the two must end alike: with the same
status, and for a report of health, which is answered and not refused, with the same outcome.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from runtime_grpc.wire import PACKAGE, pb
from shared.access.authoriser import Authoriser
from shared.container import Container
from shared.events.journal import Place
from shared.kernel import ids
from shared.kernel.clock import Clock, Draw, draw, now
from shared.kernel.errors import RuntimeCloudError
from shared.kernel.trace import trace_id_of
from shared.runtime.environments.intactness import Breach
from shared.runtime.probing.bait import Bait, parameters
from shared.runtime.probing.recording import Found, Recording

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for one call
LEAST_PAUSE = 30.0  # seconds
SAYS_NOTHING = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
Ended = tuple[Any, int]  # a status, and the outcome that a report was answered with


@dataclass(frozen=True)
class RpcProbing:
    address: str
    token: Callable[[], Awaitable[str]]
    authoriser: Authoriser
    bait: Bait
    recording: Recording
    clock: Clock
    draw: Draw

    async def keep(self, pause: float) -> None:
        """Probe for ever, `pause` seconds apart; what fails is logged and tried again."""
        while True:
            await asyncio.sleep(max(pause, LEAST_PAUSE))
            try:
                await self.probe()
            except RuntimeCloudError as error:
                log.warning("the isolation probe of the RPCs waits: %r", error)

    async def probe(self) -> Found:
        """Raises `Transient` when there is no token, or no table to write to."""
        theirs = await self.bait.lay()
        nobodys = parameters(Place("", ids.environment_id(self.draw())), self.draw()) | {"serviceId": f"none-{self.draw()}"}
        token = await self.token()
        caller = await self.authoriser.authenticate(f"Bearer {token}", trace_id_of(None))
        told: list[Breach | bool | None] = []
        async with grpc.aio.insecure_channel(self.address) as channel:
            for method in _methods(channel, caller.tenant_id, token):
                told.append(_verdict(method.name, await method.ended(theirs), await method.ended(nobodys)))
        breaches = [one for one in told if isinstance(one, Breach)]
        found = Found(len(told), sum(one is None for one in told), breaches)
        await self.recording.record_rpc(found)
        return found


def probing_of(container: Container, port: int) -> RpcProbing:
    return RpcProbing(
        address=f"127.0.0.1:{port}",
        token=container.probe_credentials.token,
        authoriser=container.authoriser,
        bait=container.bait,
        recording=container.isolation_recording,
        clock=now,
        draw=draw,
    )


@dataclass(frozen=True)
class _Method:
    name: str
    call: Callable[[Any], Any]
    request: Callable[[Mapping[str, str]], Any]
    streams: bool  # what is answered

    async def ended(self, named: Mapping[str, str]) -> Ended:
        """How a call with these ids ended; the first message of a stream is an end."""
        try:
            async with asyncio.timeout(PATIENCE):
                if not self.streams:
                    await self.call(self.request(named))
                    return grpc.StatusCode.OK, 0
                async for answer in self.call(self.request(named)):
                    return grpc.StatusCode.OK, int(getattr(answer, "outcome", 0))
        except grpc.aio.AioRpcError as refused:
            return refused.code(), 0
        except TimeoutError:
            return grpc.StatusCode.DEADLINE_EXCEEDED, 0
        return grpc.StatusCode.OK, 0


def _verdict(name: str, reached: Ended, control: Ended) -> Breach | bool | None:
    """A breach, True for what was refused, None for what told nothing."""
    if reached[0] in SAYS_NOTHING or control[0] in SAYS_NOTHING:
        return None
    refused = reached[0] is not grpc.StatusCode.OK or reached[1] == pb.REPORT_OUTCOME_UNKNOWN_SERVICE
    return (refused and reached == control) or Breach(route=name, status=int(reached[0].value[0]))


def _methods(channel: Any, tenant: str, token: str) -> list[_Method]:
    """One for every method of the proto's own descriptors; one that is not known here is a mistake of ours."""
    metadata = (("authorization", f"Bearer {token}"),)
    made = []
    for service in pb.DESCRIPTOR.services_by_name.values():
        for name, one in service.methods_by_name.items():
            kinds = (one.client_streaming, one.server_streaming)
            shapes = {(False, False): "unary_unary", (False, True): "unary_stream", (True, True): "stream_stream"}
            open_ = getattr(channel, shapes[kinds])(
                f"/{PACKAGE}.{service.name}/{name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=getattr(pb, one.output_type.name).FromString,
            )

            def call(request: Any, open_: Any = open_) -> Any:
                return open_(request, metadata=metadata)

            request = partial(_REQUESTS[name], tenant)
            made.append(_Method(f"{service.name}.{name}", call, request, one.server_streaming))
    return made


def _services(tenant: str, named: Mapping[str, str]) -> Any:
    return pb.GetServicesRequest(environment_id=named["environmentId"], tenant_id=tenant)


def _findings(_tenant: str, named: Mapping[str, str]) -> Any:
    return pb.GetFindingsRequest(environment_id=named["environmentId"])


def _health(_tenant: str, named: Mapping[str, str]) -> Any:
    return pb.StreamHealthRequest(service_id=named["serviceId"], environment_id=named["environmentId"])


async def _reports(_tenant: str, named: Mapping[str, str]) -> AsyncIterator[Any]:
    at = Timestamp()
    at.FromDatetime(now())
    result = pb.HealthCheckResult(
        service_id=named["serviceId"],
        environment_id=named["environmentId"],
        status=pb.HEALTH_STATUS_HEALTHY,
        evaluated_at=at,
    )
    yield pb.ReportHealthRequest(report_id="isolation-probe", result=result)


_REQUESTS: Mapping[str, Callable[[str, Mapping[str, str]], Any]] = {
    "GetServices": _services,
    "GetFindings": _findings,
    "StreamHealth": _health,
    "ReportHealth": _reports,
}
