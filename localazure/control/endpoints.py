"""The control API over HTTP: the routes that issue 3 fixes for the programs that drive the platform.

JSON in, JSON out; bodies to 8 MiB; 400 says which field is wrong; 404 when no stand-in knows the service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.control import documents
from localazure.control.documents import Malformed
from localazure.control.faults import Faults
from localazure.control.telemetry import Collector
from localazure.control.traffic import Traffic
from localazure.issuer import Issuer, TokenRequest
from localazure.policy import Decision, Override, Overrides
from localazure.workloads.loads import Loads
from localazure.workloads.port import Changeable

BODY_LIMIT = 8 * 1024 * 1024


class Behaving(Protocol):
    """What the control API asks of the workload runner."""

    def add_behaviour(self, rule: Mapping[str, Any]) -> None:
        """Raises `ValueError` for a rule that cannot be understood."""

    def clear_behaviours(self) -> None: ...
    def rows(self) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Controlled:
    """The stand-ins that the control API reaches into. `set_secret(vault_uri, name, value)` may raise `ValueError`;
    `secret_versions(vault_uri, name)` tells version -> whether it is enabled, newest last."""

    workloads: Behaving
    loads: Loads
    changeables: Sequence[Changeable]
    faults: Faults
    traffic: Traffic
    collector: Collector
    overrides: Overrides
    issuer: Issuer
    set_secret: Callable[[str, str, str], Awaitable[None]]
    secret_versions: Callable[[str, str], Mapping[str, bool]]


def application(controlled: Controlled) -> Starlette:
    """The ASGI application."""
    api = _Api(controlled)
    return Starlette(
        routes=[
            Route("/health", api.health),
            Route("/workloads", api.workloads),
            Route("/workloads/behaviour", api.behave, methods=["POST"]),
            Route("/workloads/behaviour", api.behave_well, methods=["DELETE"]),
            Route("/workloads/load", api.load, methods=["POST"]),
            Route("/workloads/load", api.measure_nothing, methods=["DELETE"]),
            Route("/workloads/change", api.change, methods=["POST"]),
            Route("/faults", api.fail, methods=["POST"]),
            Route("/faults", api.recover, methods=["DELETE"]),
            Route("/policy", api.decide, methods=["POST"]),
            Route("/policy", api.decide_by_rules, methods=["DELETE"]),
            Route("/traffic", api.traffic),
            Route("/telemetry", api.telemetry),
            Route("/telemetry/v1/{signal}", api.collect, methods=["POST"]),
            Route("/issuer/rotate", api.rotate, methods=["POST"]),
            Route("/issuer/token", api.token, methods=["POST"]),
            Route("/secrets", api.secret, methods=["POST"]),
            Route("/secrets", api.secret_versions),
        ],
        exception_handlers={Malformed: _malformed, HTTPException: _refused},
    )


@dataclass(frozen=True)
class _Api:
    of: Controlled

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "Healthy"})

    async def workloads(self, _request: Request) -> Response:
        return JSONResponse(self.of.workloads.rows())

    async def behave(self, request: Request) -> Response:
        with _refusing():
            self.of.workloads.add_behaviour(documents.read_object(await _body(request)))
        return _done()

    async def behave_well(self, _request: Request) -> Response:
        self.of.workloads.clear_behaviours()
        return _done()

    async def load(self, request: Request) -> Response:
        load = documents.read(documents.LoadWanted, await _body(request))
        self.of.loads.put(load.environment_id, load.service_id, load.metric, load.value)
        return _done()

    async def measure_nothing(self, _request: Request) -> Response:
        self.of.loads.clear()
        return _done()

    async def change(self, request: Request) -> Response:
        change = documents.read(documents.ChangeWanted, await _body(request))
        known = [await each.change(change.environment_id, change.service_id, change.wanted) for each in self.of.changeables]
        if not any(known):
            raise HTTPException(404, f"no stand-in knows {change.service_id} in {change.environment_id}")
        return _done()

    async def fail(self, request: Request) -> Response:
        fault = documents.read(documents.FaultWanted, await _body(request))
        with _refusing():
            await self.of.faults.impose(fault.dependency, fault.mode, fault.rate, fault.seconds)
        return _done()

    async def recover(self, _request: Request) -> Response:
        await self.of.faults.lift()
        return _done()

    async def decide(self, request: Request) -> Response:
        wanted = documents.read(documents.DecisionWanted, await _body(request))
        decision = Decision(wanted.allow, wanted.reasons, wanted.obligations)
        self.of.overrides.hold(Override(decision, wanted.seconds))
        return _done()

    async def decide_by_rules(self, _request: Request) -> Response:
        self.of.overrides.lift()
        return _done()

    async def traffic(self, _request: Request) -> Response:
        return JSONResponse(self.of.traffic.document())

    async def telemetry(self, request: Request) -> Response:
        return JSONResponse(self.of.collector.document(request.query_params.get("traceId")))

    async def collect(self, request: Request) -> Response:
        """As an OTLP/HTTP exporter speaks: `<endpoint>/v1/traces`."""
        with _refusing():
            encoding = request.headers.get("content-encoding", "")
            self.of.collector.take(request.path_params["signal"], await _body(request), encoding)
        return Response(media_type="application/x-protobuf")  # an empty message: everything was taken

    async def rotate(self, _request: Request) -> Response:
        return JSONResponse({"kid": self.of.issuer.keyring.rotate().kid})

    async def token(self, request: Request) -> Response:
        wanted = documents.read(documents.TokenWanted, await _body(request))
        with _refusing():
            token = self.of.issuer.issue(TokenRequest(wanted.claims, wanted.header, wanted.encrypt, wanted.key))
        return JSONResponse({"token": token})

    async def secret(self, request: Request) -> Response:
        secret = documents.read(documents.SecretWanted, await _body(request))
        with _refusing():
            await self.of.set_secret(secret.vault_uri, secret.name, secret.value)
        return _done()

    async def secret_versions(self, request: Request) -> Response:
        """Never a value: that is the vault's to give."""
        vault_uri, name = request.query_params.get("vaultUri", ""), request.query_params.get("name", "")
        return JSONResponse(dict(self.of.secret_versions(vault_uri, name)))


@contextmanager
def _refusing() -> Iterator[None]:
    """A `ValueError` of what is called inside is the caller's mistake."""
    try:
        yield
    except ValueError as refused:
        raise Malformed(str(refused)) from refused


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, f"the body is over {BODY_LIMIT} bytes")
    return bytes(body)


def _done() -> Response:
    return JSONResponse({})


async def _malformed(_request: Request, refused: Exception) -> Response:
    return JSONResponse({"error": str(refused)}, 400)


async def _refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, HTTPException)  # noqa: S101 — registered for this type only
    detail = f"{request.method} {request.url.path}: {refused.detail}"
    return JSONResponse({"error": detail}, refused.status_code, refused.headers)
