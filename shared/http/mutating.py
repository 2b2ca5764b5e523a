"""One mutating attempt: admit, replay or run, and the log row that says how it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.access.caller import Caller
from shared.access.governance import Governance, Permit, Question, ReceiptRefused
from shared.events.journal import Cause, Journal, Outcome, Place, Transaction
from shared.http import telling
from shared.http.call import Mutation
from shared.http.idempotency import key_of
from shared.http.message import Request
from shared.http.problem import problem_of
from shared.http.routes import Match
from shared.kernel import ids
from shared.kernel.canonical import sha256
from shared.kernel.clock import Draw
from shared.kernel.errors import (
    ConcurrentChange,
    IdempotencyKeyReused,
    InsufficientScope,
    MalformedRequest,
    NotFound,
    PolicyDenied,
    RuntimeCloudError,
    ValidationFailed,
)
from shared.kernel.record import Record
from shared.operations.intent import KEPT, Answer, Intent, Remembered
from shared.operations.rehearsal import Rehearsal, Rehearsed
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.store import keys
from shared.store.port import Conflict, Row

log = logging.getLogger(__name__)
TRIES = 3
ENVIRONMENT = "environmentId"
CREATES = "/environments"  # the one route that has no environment to look for
DENIED = frozenset({403})


@dataclass(frozen=True)
class Mutating:
    isolation: Isolation
    governance: Governance
    journal: Journal
    draw: Draw
    signing_key: bytes

    def attempt(self, caller: Caller, match: Match) -> Attempt:
        return Attempt(self, caller, match)


@dataclass
class Attempt:
    parts: Mutating
    caller: Caller
    match: Match
    document: Mapping[str, Any] = field(default_factory=dict)  # the body, as soon as it could be read
    place: Place | None = None
    own: str = ""
    own_before: str = ""  # what the same key stood for in the window before this one
    key: str | None = None
    permits: dict[str, Permit] = field(default_factory=dict)

    async def run(
        self,
        request: Request,
        document: Mapping[str, Any],
        validated: Callable[[], Record | None],
        matched: Callable[[], Awaitable[None]],
    ) -> Answer:
        """Load, decide, commit once. Raises what the use case raises; `ConcurrentChange` after three lost races.

        `matched` asks `If-Match` anew before each try: after the rows were read that the try will write conditionally, so
        that no change slips in between, and not before a replay, which answers what was true then.
        """
        ident = self._environment(document)
        if ident is None and self.match.route.path != CREATES:
            validated()  # names the field that is missing
            raise NotFound("environment", "")
        idempotency_key = key_of(request.headers)
        if idempotency_key is None:
            self.own = self.parts.draw()
        else:
            self._take_key(ident, idempotency_key)
        for _ in range(TRIES):
            try:
                return await self._once(ident, validated, matched)
            except Conflict as conflict:
                log.info("%s lost a race at %s", self.match.route.action, conflict.key)
        raise ConcurrentChange

    async def _once(
        self, ident: str | None, validated: Callable[[], Record | None], matched: Callable[[], Awaitable[None]]
    ) -> Answer:
        admitted, remembered = await self._admitted(ident)
        body = validated()
        request = body.document() if body else {}
        request_hash = sha256(request)
        if remembered is not None:
            return await self._replayed(remembered, request_hash)
        await matched()
        at = self.parts.journal.clock()
        intent = Intent(self.caller, self.own, self.key, request, request_hash, self._permit(request), at=at)
        return await self._handled(intent, admitted, body)

    async def rehearse(self, document: Mapping[str, Any], validated: Callable[[], Record | None]) -> Rehearsal:
        """Run up to the commit, noting every obstacle. Nothing is written but the log row that says so.

        Raises `NotFound` and `InsufficientScope`: who asks for what stays an error.
        """
        rehearsal = Rehearsal()
        ident = self._environment(document)
        if ident is None and self.match.route.path != CREATES:
            validated()  # names the field that is missing
            raise NotFound("environment", "")
        self.own = self.parts.draw()
        admitted, _ = await self._admitted(ident, rehearsal)
        try:
            body = validated()
        except (MalformedRequest, ValidationFailed) as wrong:
            rehearsal.meet(wrong)
        else:
            await self._played(rehearsal, admitted, body)
        await self._log_rehearsal(rehearsal)
        return rehearsal

    async def _played(self, rehearsal: Rehearsal, admitted: Admitted | None, body: Record | None) -> None:
        request = body.document() if body else {}
        intent = Intent(self.caller, self.own, None, request, sha256(request), self._permit(request), rehearsal)
        try:
            await self._handled(intent, admitted, body)
        except Rehearsed:
            return
        except (NotFound, InsufficientScope):
            raise
        except RuntimeCloudError as obstacle:
            rehearsal.meet(obstacle)

    async def _handled(self, intent: Intent, admitted: Admitted | None, body: Record | None) -> Answer:
        mutation, handler = Mutation(self.caller, self.match.ids(), intent, admitted), self.match.route.handler
        answer: Answer = await (handler(mutation, body) if body else handler(mutation))
        return answer

    async def _log_rehearsal(self, rehearsal: Rehearsal) -> None:
        codes = [problem_of(obstacle).code for obstacle in rehearsal.obstacles]
        tx = self._transaction(Outcome.REHEARSED, codes[0] if codes else None, None, None)
        tx.summary = telling.rehearsed(self.match.route.action, tx.resource, codes)
        await self.parts.journal.commit(tx)

    async def _admitted(self, ident: str | None, rehearsal: Rehearsal | None = None) -> tuple[Admitted | None, Row | None]:
        """The environment, and the answer that stands under the caller's key: one round trip for both."""
        others = [self.key] if self.key else []
        if ident is None:
            return None, await self._made_before()
        admitted = await self.parts.isolation.admit(self.caller.tenant_id, ident, *others)
        if ENVIRONMENT in self.match.params and admitted.environment.environment_id != ident:
            raise NotFound("environment", ident)
        self.place = admitted.place
        if (closed := admitted.closed) is not None and admitted.binding.status not in self.match.route.bindings:
            if rehearsal is None:
                raise closed
            rehearsal.meet(closed)
        return admitted, admitted.rows.get(self.key) if self.key else None

    async def _made_before(self) -> Row | None:
        """The answer to a key that makes an environment: it stands in the partition of what it made."""
        if self.key is None:
            return None
        made = [Place(self.caller.tenant_id, ids.environment_id(own)) for own in (self.own, self.own_before)]
        found = await asyncio.gather(*[self.parts.journal.store.get(place.partition, self.key) for place in made])
        for place, remembered in zip(made, found, strict=True):
            if remembered is not None:
                self.place = place
                return remembered
        return None

    def _environment(self, document: Mapping[str, Any]) -> str | None:
        """The id that leads to the environment: from the path, else from the body; None when there is none."""
        params = self.match.ids()
        if params:
            return params.get(ENVIRONMENT) or next(iter(params.values()))
        named = document.get(ENVIRONMENT)
        if not isinstance(named, str) or self.match.route.path == CREATES:
            return None
        return named if ids.is_environment_id(named) else ""

    def _take_key(self, ident: str | None, idempotency_key: str) -> None:
        """The row of the key's answer is always the same one, so that of all who race one commits. What it makes has the
        ids of its window, which is as long as an answer is kept: where the answer is gone the ids are free."""
        caller = self.caller
        scope = (caller.tenant_id, caller.client_id, self.match.route.action, self.match.route.path, ident or "")

        def derived(*more: str) -> str:
            return ids.derived(self.parts.signing_key, "idempotency", *scope, idempotency_key, *more)

        window = int(self.parts.journal.clock().timestamp() // KEPT.total_seconds())
        self.key = keys.idempotency(derived())
        self.own, self.own_before = derived(str(window)), derived(str(window - 1))

    def _permit(self, request: Mapping[str, Any]) -> Callable[[str | None, str], Any]:
        async def permit(environment_id: str | None, stage: str) -> Permit:
            """Asked once per mutation, also when it is run again after a lost race."""
            if stage not in self.permits:
                question = Question(
                    action=self.match.route.action,
                    tenant_id=self.caller.tenant_id,
                    subject=self.caller.subject,
                    client_id=self.caller.client_id,
                    environment_id=environment_id,
                    stage=stage,
                    request=dict(request),
                    trace_id=self.caller.trace_id,
                )
                self.permits[stage] = await self.parts.governance.permit(question, stage=stage)
            return self.permits[stage]

        return permit

    async def _replayed(self, row: Row, request_hash: str) -> Answer:
        remembered = Remembered.read(row.document)
        if remembered.request_hash != request_hash:
            raise IdempotencyKeyReused(self.own)
        await self._log(Outcome.REPLAYED, None, None)
        return Answer(remembered.status, remembered.body, remembered.location, operation_id=remembered.operation_id)

    async def record(self, error: BaseException) -> None:
        """The log row of an attempt that changed nothing. A store that cannot be written must not hide the error."""
        found = problem_of(error)
        outcome = Outcome.DENIED if found.status in DENIED else Outcome.FAILED
        decision = error.decision_id if isinstance(error, PolicyDenied | ReceiptRefused) else None
        try:
            if self.place is None and not isinstance(error, NotFound):
                self.place = await self._place()
            await self._log(outcome, found.code, error, decision)
        except RuntimeCloudError as unwritten:
            log.warning("%s could not be recorded: %s", self.match.route.action, type(unwritten).__name__)

    async def _place(self) -> Place | None:
        """The environment that was meant by what was refused before it was looked for; None unless it is the caller's.
        Its people want to know who tried, too."""
        try:
            ident = self._environment(self.document)
        except NotFound:
            return None
        place = Place(self.caller.tenant_id, ids.environment_of(ident or ""))
        known = ident and await self.parts.journal.store.get(place.partition, keys.ENVIRONMENT) is not None
        return place if known else None

    async def _log(
        self, outcome: Outcome, code: str | None, error: BaseException | None, decision_id: str | None = None
    ) -> None:
        await self.parts.journal.commit(self._transaction(outcome, code, error, decision_id))

    def _transaction(
        self, outcome: Outcome, code: str | None, error: BaseException | None, decision_id: str | None
    ) -> Transaction:
        caller, action, place = self.caller, self.match.route.action, self.place or Place(self.caller.tenant_id, None)
        meant = [*self.match.params.values()][-1:] or [place.environment_id or self.match.route.path]
        resource = meant[0][:128]
        return Transaction(
            place,
            Cause(caller.subject, caller.client_id, caller.trace_id, decision_id=decision_id),
            telling.kind_of(action, outcome),
            resource,
            telling.summary(action, resource, outcome, code, error),
            outcome=outcome,
            code=code,
        )
