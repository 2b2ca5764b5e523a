"""Long-running operations: what a client polls after a 201, 200 or 202, and the task that brings each to its end.

An operation is written down before the resource it changes and lasts at least `delay_seconds`. Its effects are
idempotent: after a SIGKILL, `resume` runs those again that had not ended, so no resource stays `InProgress` for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from localazure.arm.answer import Answer, Call
from localazure.arm.errors import ArmError
from localazure.arm.records import FAILED, SUCCEEDED, now
from localazure.arm.target import OPERATION_RESULTS, OPERATION_STATUSES
from localazure.shelf import Shelf

OPERATION = "arm.operation"
IN_PROGRESS = "InProgress"
_REMEMBERED_SECONDS = 3600.0  # of ended operations; Azure keeps them for hours
log = logging.getLogger(__name__)


@dataclass
class Operation:
    id: str
    key: str  # of the resource it changes
    action: str  # "put" | "delete" | "start" | "stop"
    ends: float  # not before: seconds since the epoch
    path: str  # "/subscriptions/…/providers/…/locations/…"
    api_version: str
    status: str = IN_PROGRESS
    started: str = field(default_factory=now)
    ended: str | None = None
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None  # what `operationResults` answers at the end; None: nothing (204)


Effect = Callable[[Operation], Awaitable[None]]


class Operations:
    """`effect` does what an operation is for; it raises `ArmError` for a failure that the client is to read."""

    def __init__(self, shelf: Shelf, effect: Effect, *, endpoint: str, delay_seconds: float) -> None:
        self._shelf = shelf
        self._effect = effect
        self._endpoint = endpoint
        self.delay_seconds = delay_seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, call: Call, key: str, action: str, location: str, result: dict[str, Any] | None = None) -> Operation:
        """Write the operation down. Call `run` once the resource is written too."""
        namespace = call.target.type.partition("/")[0] or "Microsoft.Resources"
        place = location.replace(" ", "").lower() or "global"
        path = f"/subscriptions/{call.target.subscription}/providers/{namespace}/locations/{place}"
        ends = time.time() + self.delay_seconds
        operation = Operation(str(uuid.uuid4()), key, action, ends, path, call.api_version, result=result)
        self._save(operation)
        return operation

    def run(self, operation: Operation) -> None:
        task = asyncio.get_running_loop().create_task(self._finish(operation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def resume(self) -> None:
        """Take up what an earlier process left in progress; forget what ended long ago."""
        for key, document in self._shelf.all(OPERATION).items():
            if document["status"] == IN_PROGRESS:
                self.run(Operation(**document))
            elif document["ends"] < time.time() - _REMEMBERED_SECONDS:
                self._shelf.delete(OPERATION, key)

    async def close(self) -> None:
        """Stop waiting; what has not ended is taken up by the next process."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _finish(self, operation: Operation) -> None:
        await asyncio.sleep(max(0.0, operation.ends - time.time()))
        try:
            await self._effect(operation)
            operation.status = SUCCEEDED
        except ArmError as refused:
            operation.status, operation.error = FAILED, {"code": refused.code, "message": refused.message}
        except Exception:  # what an effect ran into is the outcome of its operation, as in Azure; nobody awaits the task
            log.exception("operation %s on %s failed", operation.action, operation.key)
            operation.status = FAILED
            operation.error = {
                "code": "InternalServerError",
                "message": "The operation failed; see the log of the services.",
            }
        operation.ended = now()
        self._save(operation)

    def headers(self, operation: Operation, *, asynchronous: bool = True, location: bool = False) -> dict[str, str]:
        """Where to poll (absolute) and when: `Retry-After` counts whole seconds, hence the header with milliseconds."""
        headers = {"x-ms-retry-after-ms": str(max(50, int(self.delay_seconds * 1000)))}
        version = f"api-version={operation.api_version}"
        if asynchronous:
            headers["Azure-AsyncOperation"] = f"{self._endpoint}{operation.path}/operationStatuses/{operation.id}?{version}"
        if location:
            headers["Location"] = f"{self._endpoint}{operation.path}/operationResults/{operation.id}?{version}"
        return headers

    def answer(self, call: Call) -> Answer:
        """GET of `…/operationStatuses/{id}` and `…/operationResults/{id}`."""
        kind, ident = call.target.below[0].lower(), call.target.below[1]
        document = self._shelf.get(OPERATION, ident.lower())
        if document is None or call.method != "GET" or kind not in (OPERATION_STATUSES, OPERATION_RESULTS):
            raise ArmError(404, "OperationNotFound", f"The operation '{ident}' could not be found.")
        operation = Operation(**document)
        if kind == OPERATION_STATUSES:
            return self._status(operation, call.target.id)
        return self._result(operation)

    def _status(self, operation: Operation, place: str) -> Answer:
        body: dict[str, Any] = {
            "id": f"{place}/operationStatuses/{operation.id}",
            "name": operation.id,
            "status": operation.status,
            "startTime": operation.started,
        }
        if operation.ended:
            body["endTime"] = operation.ended
        if operation.error:
            body["error"] = operation.error
        headers = self.headers(operation, asynchronous=False) if operation.status == IN_PROGRESS else {}
        return Answer(200, body, headers)

    def _result(self, operation: Operation) -> Answer:
        if operation.status == IN_PROGRESS:
            return Answer(202, None, self.headers(operation, asynchronous=False, location=True))
        if operation.error:
            return Answer(500, {"error": operation.error})
        return Answer(204) if operation.result is None else Answer(200, operation.result)

    def _save(self, operation: Operation) -> None:
        self._shelf.put(OPERATION, operation.id, asdict(operation))
