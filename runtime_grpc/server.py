"""The server: every method of runtime.proto, grpc.health.v1, limits, and an end that leaves nobody waiting.

The methods come from the proto's own descriptors: one that nobody serves, or a servicer of none, fails the start.

Ending: health says NOT_SERVING, streams end with UNAVAILABLE (their resume tokens go on elsewhere), single calls finish
within the grace.
"""

from __future__ import annotations

from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from runtime_grpc.doorway import Door, Method, Wall
from runtime_grpc.drift import RuntimeDrift
from runtime_grpc.health import RuntimeHealth
from runtime_grpc.ingest import RuntimeHealthIngest
from runtime_grpc.inventory import RuntimeInventory
from runtime_grpc.statuses import Ending
from runtime_grpc.streams import Streams
from runtime_grpc.watching import Sources, Watches
from runtime_grpc.wire import PACKAGE, pb
from shared.container import Container
from shared.http.cursor import Cursors
from shared.kernel.clock import now

GRACE = 1.5  # seconds
LARGEST_REQUEST = 1024 * 1024  # bytes
LARGEST_ANSWER = 16 * 1024 * 1024

OPTIONS = [
    ("grpc.so_reuseport", 0),  # a second server on the port fails, instead of taking half of the calls
    ("grpc.max_receive_message_length", LARGEST_REQUEST),
    ("grpc.max_send_message_length", LARGEST_ANSWER),
    ("grpc.max_metadata_size", 16 * 1024),  # a token of 8 KiB fits
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),  # quiet streams are what this server is for
    ("grpc.max_connection_age_ms", 30 * 60_000),  # clients meet new replicas
    ("grpc.max_connection_age_grace_ms", 60_000),
]


class Server:
    """`container` is the caller's and is not closed here. `address`: host:port, port 0 for a free one."""

    def __init__(self, container: Container, address: str) -> None:
        self._container = container
        self._streams = Streams(container.settings.grpc.streams_per_tenant, now)
        self._health = health_aio.HealthServicer()
        self._server = grpc.aio.server(interceptors=[Wall()], options=OPTIONS)
        handlers = _handlers(Door(container.authoriser), self._methods())
        self._server.add_generic_rpc_handlers(handlers)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.port: int = self._server.add_insecure_port(address)

    async def start(self) -> None:
        """Listen, and say so on grpc.health.v1: the whole server, and each service by its full name."""
        for name in ("", *_services()):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def stop(self, grace: float = GRACE) -> None:
        """Idempotent."""
        await self._health.enter_graceful_shutdown()
        self._streams.end(Ending())
        await self._server.stop(grace)

    def _methods(self) -> list[Method]:
        container, settings = self._container, self._container.settings
        store, isolation, stale_after = container.store, container.isolation, settings.pace.stale_after
        watches = Watches(Sources(store, isolation, now, stale_after, settings.grpc.poll))
        cursors = Cursors(settings.state.signing_key)
        inventory = RuntimeInventory(watches, container.catalog, cursors)
        health = RuntimeHealth(watches, store, container.where, self._streams, now, settings.grpc.heartbeat)
        drift = RuntimeDrift(watches, store, cursors)
        ingest = RuntimeHealthIngest(container.ingest, isolation, self._streams)
        return [
            _method("RuntimeInventory", "GetServices", "runtime.environments.read", inventory.get_services),
            _method("RuntimeHealth", "StreamHealth", "runtime.health.read", health.stream_health),
            _method("RuntimeDrift", "GetFindings", "runtime.drift.read", drift.get_findings),
            _method("RuntimeHealthIngest", "ReportHealth", "runtime.internal", ingest.report_health),
        ]


def _services() -> dict[str, Any]:
    """Descriptors by full name."""
    return {f"{PACKAGE}.{name}": found for name, found in pb.DESCRIPTOR.services_by_name.items()}


def _method(service: str, name: str, scope: str, servicer: Any) -> Method:
    descriptor = pb.DESCRIPTOR.services_by_name[service].methods_by_name[name]
    request = None if descriptor.client_streaming else getattr(pb, descriptor.input_type.name)
    return Method(f"{PACKAGE}.{service}", name, scope, request, servicer)


def _handlers(door: Door, methods: list[Method]) -> list[Any]:
    served = {method.path: method for method in methods}
    handlers = []
    for full_name, service in _services().items():
        behaviours = {
            name: door.handler(served[f"/{full_name}/{name}"], one) for name, one in service.methods_by_name.items()
        }
        handlers.append(grpc.method_handlers_generic_handler(full_name, behaviours))
    return handlers
