"""What a mutating call brings into a use case, and what the use case gives back.

The use case loads, decides and commits once; everything here belongs to that one commit: the ids it may use, the
permit of the policy point, the row under which its answer is remembered. With an Idempotency-Key the ids are derived
from it, so racers compute the same ones, one commit wins and the others read the winner's answer. They are derived from
the day, too: a key that is used again after its answer was let go makes something new.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import Field

from shared.access.caller import Caller
from shared.access.governance import Permit
from shared.events.journal import Cause, Place, Transaction
from shared.kernel.canonical import canonical
from shared.kernel.errors import InsufficientScope, NotFound, RuntimeCloudError
from shared.kernel.ids import EnvironmentId, operation_id
from shared.kernel.record import Record
from shared.operations.model import Operation, OperationKind
from shared.operations.rehearsal import Effect, Rehearsal, Rehearsed

T = TypeVar("T")
KEPT = timedelta(hours=24)  # the answer to a key, at least


class Remembered(Record):
    """The answer to a key, in the transaction of the change it answers for."""

    request_hash: str
    status: int
    body: dict[str, Any]
    location: str | None = None
    operation_id: str | None = None
    answered_at: datetime | None = None  # it is kept for a time


class ReasonRequest(Record):
    """An action that may say why."""

    reason: str | None = Field(default=None, max_length=1000)


@dataclass(frozen=True)
class Answer:
    """What the caller gets, and the operation that is to be started for it."""

    status: int
    body: Mapping[str, Any]
    location: str | None = None  # path under /v1/runtime
    operation: Operation | None = None
    wakes: Operation | None = None  # the operation whose worker is to look at its row now
    operation_id: str | None = None  # of a remembered answer, whose operation was started long ago

    @property
    def follow(self) -> str | None:
        """The id of the operation to follow."""
        return self.operation.operation_id if self.operation else self.operation_id


@dataclass(frozen=True)
class Intent:
    caller: Caller
    own: str  # the 16 hex digits that ids of this call end with
    key: str | None  # row key of the remembered answer; None without an Idempotency-Key
    request: Mapping[str, Any]  # normalised: what was validated, not what was typed
    request_hash: str
    decide: Callable[[EnvironmentId | None, str], Awaitable[Permit]]  # (environment, stage); once however often called
    rehearsal: Rehearsal | None = None  # where a dry run notes what it finds
    at: datetime | None = None  # when it was asked

    def check(self, judge: Callable[[], object]) -> None:
        """Make a check that raises: at once in a run, noted in a rehearsal, which goes on to the next."""
        try:
            judge()
        except RuntimeCloudError as obstacle:
            self.meet(obstacle)

    async def ask(self, question: Awaitable[T]) -> T | None:
        """`check` for what has to be looked up; None where a rehearsal notes that it failed."""
        try:
            return await question
        except RuntimeCloudError as obstacle:
            self.meet(obstacle)
            return None

    def meet(self, obstacle: RuntimeCloudError) -> None:
        """Raise an obstacle, or note it in a rehearsal. Who is it, and who may what, stays an error in both."""
        if self.rehearsal is None or isinstance(obstacle, NotFound | InsufficientScope):
            raise obstacle
        self.rehearsal.meet(obstacle)

    async def need(self, question: Awaitable[T]) -> T:
        """`ask` for what the rest cannot do without."""
        found = await self.ask(question)
        if found is None:
            raise Rehearsed
        return found

    def will(self, action: str, resource: str, detail: str = "") -> None:
        """Say what the run is about to do."""
        if self.rehearsal is not None:
            self.rehearsal.effects.append(Effect(action=action, resource=resource, detail=detail))

    async def permit(self, environment_id: EnvironmentId | None, stage: str) -> Permit:
        """The policy point's word, asked once; the last thing before the commit. Raises `PolicyDenied`, `Transient`."""
        permit = await self.ask(self.decide(environment_id, stage))
        self._commits()
        return permit or Permit(needed=True)

    def _commits(self) -> None:
        if self.rehearsal is not None:
            raise Rehearsed

    def transaction(
        self, place: Place, kind: str, resource: str, summary: str, permit: Permit | None = None
    ) -> Transaction:
        """A change that this call makes; `permit` is the policy point's word for governed ones."""
        self._commits()
        decided = permit.receipt.decision_id if permit and permit.receipt else None
        cause = Cause(self.caller.subject, self.caller.client_id, self.caller.trace_id, decision_id=decided)
        return Transaction(place, cause, kind, resource, summary)

    def operation(
        self,
        kind: OperationKind,
        place: Place,
        *,
        resource_id: str,
        location: str,
        generation: int,
        now: datetime,
        within: timedelta,
        permit: Permit,
    ) -> Operation:
        """The operation this call begins; `location` is the resource's path under /v1/runtime."""
        self._commits()
        if place.environment_id is None or place.project_id is None:
            raise ValueError("an operation belongs to an environment")
        until = now + within
        if permit.receipt is not None:  # no forward effect is possible after that, so nobody is to wait for one
            until = min(until, permit.receipt.expires_at)
        return Operation(
            operation_id=operation_id(place.environment_id, self.own),
            environment_id=place.environment_id,
            kind=kind,
            waiting_for="a worker to start it",
            must_settle_by=until,
            requested_by=self.caller.subject,
            request_json=canonical(self.request).decode(),
            decision_id=permit.receipt.decision_id if permit.receipt else None,
            resource_location=f"/v1/runtime{location}",
            created_at=now,
            last_action_at=now,
            trace_id=self.caller.trace_id,
            tenant_id=place.tenant_id,
            project_id=place.project_id,
            client_id=self.caller.client_id,
            resource_id=resource_id,
            generation=generation,
            receipt=permit.receipt,
        )

    def remember(self, tx: Transaction, answer: Answer) -> Answer:
        """Add the answer to the change it answers for."""
        if self.key is not None:
            tx.create(
                self.key,
                Remembered(
                    request_hash=self.request_hash,
                    status=answer.status,
                    body=dict(answer.body),
                    location=answer.location,
                    operation_id=answer.follow,
                    answered_at=self.at,
                ),
            )
        return answer
