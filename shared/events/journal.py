"""One change of one environment is one transaction: the rows, one log row that says who did it and why, its events.

The log row is audit and timeline at once and carries the events; an outbox row only points to it. The sequence number
of an event is taken in the same transaction from the environment's `seq` row. Two changes that meet there are no
conflict of the caller's: the number is drawn again, the change stays what it was. Within a process they take turns, so
that a crowd does not use up its tries on itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from weakref import WeakValueDictionary

from shared.events.envelope import Event, Payload
from shared.kernel.canonical import sha256
from shared.kernel.clock import Clock, Draw
from shared.kernel.errors import ConcurrentChange
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.kernel.trace import correlation_id_of
from shared.store import keys
from shared.store.port import Change, Conflict, Create, Delete, Put, Replace, Row, Store

PLATFORM_CLIENT = "runtime-cloud"  # the client of what the platform does by itself
TRIES = 8  # for the sequence row alone, which many unrelated changes share


class Outcome(StrEnum):
    ALLOWED = "Allowed"
    DENIED = "Denied"
    FAILED = "Failed"
    REPLAYED = "Replayed"
    REHEARSED = "Rehearsed"  # a dry run: nothing was done


@dataclass(frozen=True)
class Place:
    """The environment a change belongs to; `environment_id` is None for what never reached one."""

    tenant_id: str
    environment_id: EnvironmentId | None
    project_id: str | None = None

    @property
    def partition(self) -> str:
        if self.environment_id is None:
            return keys.tenant_partition(self.tenant_id)
        return keys.partition_of(self.tenant_id, self.environment_id)


@dataclass(frozen=True)
class Actor:
    """Who does something, and through which client."""

    subject: str
    client_id: str


@dataclass(frozen=True)
class Cause:
    """Who or what makes a change. For the platform's own work `subject` is the name of what works."""

    subject: str
    client_id: str
    trace_id: str
    operation_id: str | None = None
    decision_id: str | None = None
    caused_by: str | None = None  # the event, finding or log entry that led here


class TimelineEntry(Record):
    """What a timeline shows of a log row."""

    entry_id: str
    at: datetime
    kind: str
    actor: str
    summary: str
    resource: str
    operation_id: str | None = None
    decision_id: str | None = None
    caused_by: str | None = None
    trace_id: str


class Entry(TimelineEntry):
    """A log row."""

    client_id: str
    outcome: Outcome = Outcome.ALLOWED
    code: str | None = None
    before: str | None = None
    after: str | None = None
    events: list[Event] = []


class Pointer(Record):
    """An outbox row: which event of which log row is still to be sent."""

    log_key: str
    event_id: str


class Sequence(Record):
    last: int


@dataclass
class Transaction:
    """A change while it is put together."""

    place: Place
    cause: Cause
    kind: str  # "<resource>.<what happened>"
    resource: str
    summary: str
    changes: list[Change] = field(default_factory=list)
    drafts: list[tuple[Payload, str | None]] = field(default_factory=list)
    outcome: Outcome = Outcome.ALLOWED
    code: str | None = None
    _before: dict[str, str] = field(default_factory=dict)

    def create(self, key: str, record: Record) -> None:
        self.changes.append(Create(key, record.document()))

    def replace(self, row: Row, record: Record) -> None:
        self._before[row.key] = sha256(row.document)
        self.changes.append(Replace(row.key, record.document(), row.version))

    def write(self, row: Row | None, key: str, record: Record) -> None:
        """Replace the row as it was read, or create it when there was none."""
        if row is None:
            self.create(key, record)
        else:
            self.replace(row, record)

    def put(self, key: str, record: Record) -> None:
        self.changes.append(Put(key, record.document()))

    def delete(self, row: Row) -> None:
        self._before[row.key] = sha256(row.document)
        self.changes.append(Delete(row.key, row.version))

    def of_operation(self, operation_id: str) -> None:
        """Say which operation this change belongs to: the log row names it."""
        self.cause = replace(self.cause, operation_id=operation_id)

    def emit(self, payload: Payload, *, module_id: str | None = None) -> None:
        self.drafts.append((payload, module_id))

    def hashes(self) -> tuple[str | None, str | None]:
        """What the changed rows were and what they are, one hash each."""
        after = {change.key: sha256(change.document) for change in self.changes if not isinstance(change, Delete)}
        return (sha256(self._before) if self._before else None), (sha256(after) if after else None)


class ActiveIndex(Protocol):
    async def mark(self, place: Place) -> None:
        """Make sure that the sweep looks at this environment; before the commit that gives it something to find."""


@dataclass(frozen=True)
class Journal:
    store: Store
    active: ActiveIndex
    clock: Clock
    draw: Draw
    sent: Callable[[Place], None]  # told after a commit with events, so that they leave at once
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)  # by partition

    async def commit(self, tx: Transaction) -> None:
        """Write the change, its log row and its events, all or nothing.

        Raises `Conflict` naming the caller's row that stood in the way, `ConcurrentChange` when the sequence could not
        be taken in `TRIES`, `Transient` when nothing is known.
        """
        if not tx.drafts:
            return await self._write(tx)
        await self.active.mark(tx.place)
        async with self._turns.setdefault(tx.place.partition, asyncio.Lock()):
            await self._write(tx)
        self.sent(tx.place)

    async def _write(self, tx: Transaction) -> None:
        commit_id = self.draw()
        for _ in range(TRIES):
            changes = [*tx.changes, *await self._record(tx, commit_id)]
            try:
                return await self.store.commit(tx.place.partition, commit_id, changes)
            except Conflict as conflict:
                if conflict.key != keys.SEQUENCE:
                    raise
        raise ConcurrentChange

    async def _record(self, tx: Transaction, commit_id: str) -> list[Change]:
        """The log row, and with events the outbox rows and the next sequence."""
        now = self.clock()
        log_key = keys.log(now, commit_id)
        if not tx.drafts:
            return [Create(log_key, self._entry(tx, log_key, now, []).document())]
        standing = await self.store.get(tx.place.partition, keys.SEQUENCE)
        first = (Sequence.read(standing.document).last if standing else 0) + 1
        events = [self._event(tx, commit_id, now, first + offset, draft) for offset, draft in enumerate(tx.drafts)]
        last = Sequence(last=events[-1].sequence).document()
        return [
            Create(log_key, self._entry(tx, log_key, now, events).document()),
            Replace(keys.SEQUENCE, last, standing.version) if standing else Create(keys.SEQUENCE, last),
            *[
                Create(keys.outbox(event.sequence), Pointer(log_key=log_key, event_id=event.event_id).document())
                for event in events
            ],
        ]

    def _entry(self, tx: Transaction, log_key: str, now: datetime, events: list[Event]) -> Entry:
        before, after = tx.hashes()
        return Entry(
            entry_id=log_key.removeprefix("log-"),
            at=now,
            kind=tx.kind,
            actor=tx.cause.subject,
            client_id=tx.cause.client_id,
            outcome=tx.outcome,
            code=tx.code,
            summary=tx.summary,
            resource=tx.resource,
            operation_id=tx.cause.operation_id,
            decision_id=tx.cause.decision_id,
            caused_by=tx.cause.caused_by,
            trace_id=tx.cause.trace_id,
            before=before,
            after=after,
            events=events,
        )

    def _event(
        self,
        tx: Transaction,
        commit_id: str,
        now: datetime,
        sequence: int,
        draft: tuple[Payload, str | None],
    ) -> Event:
        payload, module_id = draft
        # From the commit, not drawn: a commit that is sent again after a lost answer carries the same events.
        event_id = f"evt-{sha256([tx.place.partition, commit_id, sequence])[:32]}"
        return Event(
            event_id=event_id,
            event_type=payload.event_type,
            tenant_id=tx.place.tenant_id,
            project_id=tx.place.project_id,
            module_id=module_id,
            trace_id=tx.cause.trace_id,
            correlation_id=correlation_id_of(tx.cause.trace_id),
            causation_id=tx.cause.caused_by or tx.cause.operation_id or tx.cause.trace_id,
            occurred_at=now,
            sequence=sequence,
            payload=payload.document(),
        )
