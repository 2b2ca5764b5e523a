"""The gRPC side: inventory, health as it changes, drift findings, and reports of health.

A stream of health outlives its connection: it goes on from its resume token where a server ended or the token expired, so
that whoever iterates hears of every state that stands, and of no state twice in a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import grpc

from .generated.connectsoft.factory.runtime.v1 import runtime_pb2 as pb
from .problems import Problem, Unavailable, problem
from .transport import FIRST_PAUSE, LONGEST_PAUSE, Token, bearer

PACKAGE = "connectsoft.factory.runtime.v1"
WITHIN = 10.0  # seconds for one call
CODE, TRACE = "cs-error-code", "cs-trace-id"
EXPIRED = "InvalidToken"
OPTIONS = [("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_permit_without_calls", 1)]


class Live:
    """`address`: host:port. Without `credentials` the connection is not encrypted. A context manager."""

    def __init__(self, address: str, token: Token, *, credentials: grpc.ChannelCredentials | None = None) -> None:
        self._token = token
        if credentials is None:
            self.channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        else:
            self.channel = grpc.aio.secure_channel(address, credentials, options=OPTIONS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()

    async def services(self, environment_id: str, tenant_id: str, *, page_size: int = 0) -> list[pb.RuntimeService]:
        """Those of one revision; begun anew where it moved between two pages. Raises `Problem`."""
        while True:
            found, revisions, page_token = [], set(), ""
            while True:
                request = pb.GetServicesRequest(
                    environment_id=environment_id, tenant_id=tenant_id, page_size=page_size, page_token=page_token
                )
                page = await self._call("RuntimeInventory/GetServices", request, pb.GetServicesResponse)
                found += page.services
                revisions.add(page.revision)
                if not (page_token := page.next_page_token):
                    break
            if len(revisions) == 1:
                return found

    async def findings(
        self, environment_id: str, *, statuses: Sequence[str] = (), page_size: int = 0
    ) -> list[pb.DriftFinding]:
        """Newest first; those that are unresolved, without statuses. Raises `Problem`."""
        found, page_token = [], ""
        while True:
            request = pb.GetFindingsRequest(
                environment_id=environment_id, statuses=statuses, page_size=page_size, page_token=page_token
            )
            page = await self._call("RuntimeDrift/GetFindings", request, pb.GetFindingsResponse)
            found += page.findings
            if not (page_token := page.next_page_token):
                return found

    async def health(
        self, service_id: str, *, environment_id: str = "", resume_token: str = ""
    ) -> AsyncIterator[pb.HealthCheckResult]:
        """Without end: what is true now, then each change.

        Raises `Problem` for what coming back does not help against, a token that is not renewed among it.
        """
        pause, renewed = FIRST_PAUSE, False
        while True:
            request = pb.StreamHealthRequest(
                service_id=service_id, environment_id=environment_id, resume_token=resume_token
            )
            call = self._method("unary_stream", "RuntimeHealth/StreamHealth", pb.StreamHealthResponse)(
                request, metadata=await self._metadata()
            )
            try:
                async for message in call:
                    pause, renewed, resume_token = FIRST_PAUSE, False, message.resume_token
                    if message.HasField("result"):
                        yield message.result
            except grpc.aio.AioRpcError as error:
                refused = _refusal(error)
                if not isinstance(refused, Unavailable) and (refused.code != EXPIRED or renewed):
                    raise refused from None
                renewed = refused.code == EXPIRED  # once: a second refusal is about the new one
                await asyncio.sleep(refused.retry_after or pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            finally:
                call.cancel()

    async def report(self, reports: AsyncIterator[pb.ReportHealthRequest]) -> AsyncIterator[pb.ReportHealthResponse]:
        """An answer for each report, in order. Raises `Problem`."""
        method = self._method("stream_stream", "RuntimeHealthIngest/ReportHealth", pb.ReportHealthResponse)
        call = method(reports, metadata=await self._metadata())
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from None
        finally:
            call.cancel()

    async def _call(self, path: str, request: Any, answer: Any) -> Any:
        try:
            return await self._method("unary_unary", path, answer)(request, metadata=await self._metadata(), timeout=WITHIN)
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from None

    def _method(self, kind: str, path: str, answer: Any) -> Any:
        serialised = {"request_serializer": _bytes, "response_deserializer": answer.FromString}
        return getattr(self.channel, kind)(f"/{PACKAGE}.{path}", **serialised)

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", await bearer(self._token)),)


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _refusal(error: grpc.aio.AioRpcError) -> Problem:
    trailing = {name: value for name, value in error.trailing_metadata() or () if isinstance(value, str)}
    retry_after = float(trailing["retry-after"]) if "retry-after" in trailing else None
    if CODE in trailing:
        return problem(trailing[CODE], error.details() or "", trace_id=trailing.get(TRACE), retry_after=retry_after)
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return Unavailable("NoAnswer", error.details() or "")
    return Problem(error.code().name, error.details() or "")
