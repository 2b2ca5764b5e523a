"""One mutating attempt: admit, replay or run, and the log row that says how it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.access.binding import BindingStatus
from shared.access.caller import Caller
from shared.access.governance import Governance, Permit, Question
from shared.events.journal import Cause, Journal, Outcome, Place, Transaction
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
    NotFound,
    PolicyDenied,
    RuntimeCloudError,
    TenantSuspended,
)
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent, Remembered
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.store import keys
from shared.store.port import Conflict, Row

log = logging.getLogger(__name__)
TRIES = 3
ENVIRONMENT = "environmentId"
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
    place: Place | None = None
    own: str = ""
    key: str | None = None
    permits: dict[str, Permit] = field(default_factory=dict)

    async def run(self, request: Request, document: Mapping[str, Any], validated: Callable[[], Record | None]) -> Answer:
        """Load, decide, commit once. Raises what the use case raises; `ConcurrentChange` after three lost races."""
        ident = self._environment(document)
        idempotency_key = key_of(request.headers)
        self.own = self._own_part(ident, idempotency_key)
        self.key = keys.idempotency(self.own) if idempotency_key else None
        for _ in range(TRIES):
            try:
                return await self._once(ident, validated)
            except Conflict:
                continue
        raise ConcurrentChange

    async def _once(self, ident: str | None, validated: Callable[[], Record | None]) -> Answer:
        admitted, remembered = await self._admitted(ident)
        body = validated()
        request = body.document() if body else {}
        request_hash = sha256(request)
        if remembered is not None:
            return await self._replayed(remembered, request_hash)
        intent = Intent(self.caller, self.own, self.key, request, request_hash, self._permit(request))
        mutation = Mutation(self.caller, self.match.ids(), intent, admitted)
        answer: Answer = await (self.match.route.handler(mutation, body) if body else self.match.route.handler(mutation))
        return answer

    async def _admitted(self, ident: str | None) -> tuple[Admitted | None, Row | None]:
        """The environment, and the answer that stands under the caller's key: one round trip for both."""
        others = [self.key] if self.key else []
        if ident is None:
            self.place = None
            partition = keys.partition_of(self.caller.tenant_id, ids.environment_id(self.own))
            return None, (await self.parts.journal.store.get(partition, self.key) if self.key else None)
        admitted = await self.parts.isolation.admit(self.caller.tenant_id, ident, *others)
        if ENVIRONMENT in self.match.params and admitted.environment.environment_id != ident:
            raise NotFound("environment", ident)
        self.place = admitted.place
        if admitted.binding.status is BindingStatus.SUSPENDED:
            raise TenantSuspended  # a Pending one is an environment that is not ready, which the use case says
        return admitted, admitted.rows.get(self.key) if self.key else None

    def _environment(self, document: Mapping[str, Any]) -> str | None:
        """The id that leads to the environment: from the path, else from the body; None where the route makes it."""
        params = self.match.ids()
        if params:
            return params.get(ENVIRONMENT) or next(iter(params.values()))
        named = document.get(ENVIRONMENT)
        if named is None and self.match.route.path == "/environments":
            return None
        return named if isinstance(named, str) and ids.is_environment_id(named) else ""

    def _own_part(self, ident: str | None, idempotency_key: str | None) -> str:
        if idempotency_key is None:
            return self.parts.draw()
        caller = self.caller
        scope = (caller.tenant_id, caller.client_id, self.match.route.action, self.match.route.path, ident or "")
        return ids.derived(self.parts.signing_key, "idempotency", *scope, idempotency_key)

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
        await self._log(Outcome.REPLAYED, None, "the same key and request: the same answer")
        return Answer(remembered.status, remembered.body, remembered.location, operation_id=remembered.operation_id)

    async def record(self, error: BaseException) -> None:
        """The log row of an attempt that changed nothing. A store that cannot be written must not hide the error."""
        found = problem_of(error)
        outcome = Outcome.DENIED if found.status in DENIED else Outcome.FAILED
        decision = error.decision_id if isinstance(error, PolicyDenied) else None
        try:
            await self._log(outcome, found.code, f"{self.match.route.action}: {found.code}", decision)
        except RuntimeCloudError as unwritten:
            log.warning("%s could not be recorded: %s", self.match.route.action, type(unwritten).__name__)

    async def _log(self, outcome: Outcome, code: str | None, summary: str, decision_id: str | None = None) -> None:
        caller = self.caller
        tx = Transaction(
            self.place or Place(caller.tenant_id, None),
            Cause(caller.subject, caller.client_id, caller.trace_id, decision_id=decision_id),
            self.match.route.action,
            next(iter(self.match.params.values()), self.match.route.path)[:128],
            summary,
            outcome=outcome,
            code=code,
        )
        await self.parts.journal.commit(tx)
