"""RuntimeHealthIngest: results from health workers and agents, each answered, in order.

What has arrived while the last results were written is written together: one transaction for a busy agent, not one a
result. At most `PENDING` wait; the transport holds up whoever sends faster than the table takes. Nobody learns of
environments that are not theirs: a service there is as unknown as any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any
from weakref import WeakValueDictionary

from google.protobuf.message import DecodeError
from pydantic import ValidationError

from runtime_grpc import wire
from runtime_grpc.doorway import Call
from runtime_grpc.streams import Streams
from shared.events.journal import Cause, Transaction
from shared.kernel.errors import MalformedRequest, NotFound
from shared.kernel.ids import EnvironmentId
from shared.operations.runs import rerun
from shared.runtime.environments.isolation import Isolation
from shared.runtime.health.ingest import Ingest, Observation, ReportedCheck, ReportOutcome

PENDING = 128  # results of a stream that wait for their turn
LONGEST_ID = 128  # characters of a report's id

_NUMBERS = {
    ReportOutcome.ACCEPTED: wire.pb.REPORT_OUTCOME_ACCEPTED,
    ReportOutcome.STALE: wire.pb.REPORT_OUTCOME_STALE,
    ReportOutcome.UNKNOWN_SERVICE: wire.pb.REPORT_OUTCOME_UNKNOWN_SERVICE,
    ReportOutcome.INVALID: wire.pb.REPORT_OUTCOME_INVALID,
}
_WORDS = {
    ReportOutcome.ACCEPTED: "",
    ReportOutcome.STALE: "A newer observation of this service is known.",
    ReportOutcome.UNKNOWN_SERVICE: "There is no such service for this tenant.",
    ReportOutcome.INVALID: "evaluated_at is in the future.",
}


@dataclass(frozen=True)
class Report:
    """A result as it was read. `observation` is None for one that says nothing usable; `wrong` says why."""

    report_id: str
    environment_id: str
    observation: Observation | None
    wrong: str = ""


@dataclass(frozen=True)
class RuntimeHealthIngest:
    ingest: Ingest
    isolation: Isolation
    streams: Streams
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)  # by partition

    async def report_health(self, call: Call) -> None:
        """Raises `TenantSuspended`, `TooManyRequests`, `Transient`; ends with `InvalidToken` when the token does."""
        with self.streams.one(call.caller.tenant_id) as stream:
            await stream.run(self.streams.left(call.expires_at), self._answer_all(call))

    async def _answer_all(self, call: Call) -> None:
        arrived: asyncio.Queue[bytes | None] = asyncio.Queue(PENDING)
        receiving = asyncio.create_task(_receive(call, arrived))
        try:
            while batch := await _next(arrived):
                for response in await self._answered(call, [read(raw) for raw in batch]):
                    await call.send(response)
            await receiving  # it may have ended badly
        finally:
            receiving.cancel()

    async def _answered(self, call: Call, reports: Sequence[Report]) -> list[bytes]:
        """One answer per report, in their order; neighbours of one environment are written together."""
        answers: list[bytes] = []
        for environment_id, neighbours in groupby(reports, key=lambda report: report.environment_id):
            together = list(neighbours)
            usable = [report.observation for report in together if report.observation is not None]
            outcomes = iter(await self._taken(call, environment_id, usable) if usable else [])
            for report in together:
                outcome = ReportOutcome.INVALID if report.observation is None else next(outcomes)
                answers.append(_answer(report, outcome))
        return answers

    async def _taken(self, call: Call, environment_id: str, observations: Sequence[Observation]) -> list[ReportOutcome]:
        caller = call.caller
        try:
            admitted = await self.isolation.require(caller.tenant_id, EnvironmentId(environment_id))
        except NotFound:
            return [ReportOutcome.UNKNOWN_SERVICE] * len(observations)
        if admitted.environment.environment_id != environment_id:
            return [ReportOutcome.UNKNOWN_SERVICE] * len(observations)
        place, cause = admitted.place, Cause(caller.subject, caller.client_id, caller.trace_id)

        async def take() -> list[ReportOutcome]:
            tx = Transaction(place, cause, "health.reported", environment_id, "")
            return await self.ingest.take(tx, observations)

        async with self._turns.setdefault(place.partition, asyncio.Lock()):
            return await rerun(take)


async def _receive(call: Call, arrived: asyncio.Queue[bytes | None]) -> None:
    try:
        while (message := await call.receive()) is not None:
            await arrived.put(message)
    finally:
        await arrived.put(None)


async def _next(arrived: asyncio.Queue[bytes | None]) -> list[bytes]:
    """What has arrived, at least one; empty at the end of the stream."""
    first = await arrived.get()
    batch = [] if first is None else [first]
    while first is not None and len(batch) < PENDING and not arrived.empty():
        following = arrived.get_nowait()
        if following is None:
            arrived.put_nowait(None)  # for the next look
            break
        batch.append(following)
    return batch


def read(raw: bytes) -> Report:
    """A report. Raises `MalformedRequest` for bytes that are none: there is nothing to answer to."""
    try:
        message = wire.pb.ReportHealthRequest.FromString(raw)
    except DecodeError:
        raise MalformedRequest({"": ["is no message of this method"]}) from None
    report_id, result = message.report_id[:LONGEST_ID], message.result
    try:
        return Report(report_id, result.environment_id, _observation(result))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return Report(report_id, result.environment_id, None, ".".join(map(str, first["loc"])) or "result")
    except ValueError as error:
        return Report(report_id, result.environment_id, None, str(error))


def _observation(result: Any) -> Observation:
    status = wire.status_of(result.status)
    if status is None:
        raise ValueError("status")
    if not result.HasField("evaluated_at"):
        raise ValueError("evaluated_at")
    return Observation(
        service_id=result.service_id,
        status=status,
        checks=[_check(check) for check in result.checks],
        observed_at=wire.instant_of(result.evaluated_at),
        observed_image=result.observed_image or None,
    )


def _check(check: Any) -> ReportedCheck:
    status = wire.status_of(check.status)
    if status is None:
        raise ValueError("checks.status")
    took = check.duration.ToTimedelta() if check.HasField("duration") else None
    return ReportedCheck(
        name=check.name, status=status, duration_ms=None if took is None else took // timedelta(milliseconds=1)
    )


def _answer(report: Report, outcome: ReportOutcome) -> bytes:
    message = f"{report.wrong} is missing or not acceptable." if report.wrong else _WORDS[outcome]
    answer = wire.pb.ReportHealthResponse(report_id=report.report_id, outcome=_NUMBERS[outcome], message=message)
    return bytes(answer.SerializeToString())
