"""What people decide about a finding: that they know of it, that it may stay for a time, that it is to be put right, that
it is how things are to be from now on.

The first two change the finding alone. The other two begin an operation that holds the slot: a remedy is a deployment of
what is wanted (gate, rollback, history), of the infrastructure another run of its engine; an adoption is a deployment of
what was found. How a remedy ended is not for it to say: the next scan finds the difference gone, or reopens the finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from shared.access.governance import Permit
from shared.events.journal import Journal, Transaction
from shared.kernel.clock import Clock
from shared.kernel.errors import AttemptsExhausted, NotFound, OnHold, ValidationFailed
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent, ReasonRequest
from shared.operations.model import Operation
from shared.runtime.deployments.model import Deployment, DriftAction, DriftCause
from shared.runtime.deployments.service import Deployments
from shared.runtime.drift.model import MOST, PREFIX, Decision, Finding, FindingKind, FindingStatus
from shared.runtime.drift.transitions import TRANSITIONS, Transition
from shared.runtime.environments.isolation import Admitted
from shared.runtime.mending.service import Mending
from shared.store.port import Row
from shared.store.reading import read, read_all

MOST_ATTEMPTS = 3  # remedies of one drift: what does not stay put right needs another look than a fourth try
BY_HAND = {FindingKind.ISOLATION_BREACH: "a breach is put right in the platform's own code, by hand"}
# What an engine makes is its program's to say: it is changed there, and then every environment has it.
NOT_ADOPTED = BY_HAND | {
    FindingKind.INFRASTRUCTURE_MISMATCH: "the engine's program says so: remediate it, accept it, or change the program"
}


class AcknowledgeRequest(Record):
    """POST /drift/{environmentId}/findings/{findingId}/acknowledge."""

    reason: str = Field(min_length=1, max_length=1000)


class AcceptRequest(AcknowledgeRequest):
    """POST /drift/{environmentId}/findings/{findingId}/accept: as it is, until then."""

    until: AwareDatetime


@dataclass(frozen=True)
class Decided:
    """A finding, its row, and what somebody is about to say of it."""

    row: Row
    finding: Finding
    transition: Transition
    status: FindingStatus

    def as_of(self, decision: Decision, **update: Any) -> Finding:
        return self.finding.model_copy(update={"status": self.status, "decision": decision, **update})


@dataclass(frozen=True)
class Deciding:
    journal: Journal
    deployments: Deployments
    mending: Mending
    clock: Clock

    async def acknowledge(self, intent: Intent, admitted: Admitted, ident: str, request: AcknowledgeRequest) -> Answer:
        """Raises `NotFound`, `TransitionRefused`, `PolicyDenied`."""
        decided = await self._decided(intent, admitted, ident, Transition.ACKNOWLEDGE, FindingStatus.ACKNOWLEDGED)
        return await self._say(intent, admitted, decided, "acknowledged", request.reason, None)

    async def accept(self, intent: Intent, admitted: Admitted, ident: str, request: AcceptRequest) -> Answer:
        """Raises `NotFound`, `TransitionRefused`, `ValidationFailed`, `PolicyDenied`."""
        decided = await self._decided(intent, admitted, ident, Transition.ACCEPT, FindingStatus.ACCEPTED_UNTIL)
        intent.check(lambda: self._require_future(request.until))
        return await self._say(intent, admitted, decided, "accepted", request.reason, request.until)

    async def remediate(self, intent: Intent, admitted: Admitted, ident: str, request: ReasonRequest) -> Answer:
        """Begin the deployment that applies what is wanted once more, or the engine's run that makes it again.

        Raises `NotFound`, `TransitionRefused`, `ValidationFailed`, `OnHold`, `OperationInFlight`, `AttemptsExhausted`,
        `EnvironmentNotReady`, `PolicyDenied`.
        """
        decided = await self._remedied(intent, admitted, ident)
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        return await self._remedy(intent, admitted, decided, request, permit, None)

    async def adopt(self, intent: Intent, admitted: Admitted, ident: str, _request: ReasonRequest) -> Answer:
        """Begin the operation that makes what was found what is wanted.

        Raises `NotFound`, `TransitionRefused`, `ValidationFailed`, `OperationInFlight`, `EnvironmentNotReady`,
        `PolicyDenied`.
        """
        decided = await self._adopted(intent, admitted, ident)
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        return await self._adopt(intent, admitted, decided, permit, None)

    async def again(self, intent: Intent, admitted: Admitted, failed: Operation, permit: Permit) -> Answer:
        """Try one of the two that ended without success once more. Raises what the first try raised."""
        if failed.mends:
            ident = await _of_infrastructure(self.journal, admitted)
            decided = await self._remedied(intent, admitted, ident)
            return await self._remedy(intent, admitted, decided, ReasonRequest.read(failed.request), permit, failed)
        row = await self.journal.store.get(admitted.place.partition, failed.resource_id)
        cause = read(Deployment, admitted.place.partition, row).drift if row else None
        if cause is None:
            raise NotFound("deployment", failed.resource_id)
        if cause.action is DriftAction.ADOPT:
            decided = await self._adopted(intent, admitted, cause.finding_id)
            return await self._adopt(intent, admitted, decided, permit, failed)
        decided = await self._remedied(intent, admitted, cause.finding_id)
        return await self._remedy(intent, admitted, decided, ReasonRequest.read(failed.request), permit, failed)

    async def _adopted(self, intent: Intent, admitted: Admitted, ident: str) -> Decided:
        decided = await self._decided(intent, admitted, ident, Transition.ADOPT, FindingStatus.RESOLVED)
        _require_not(intent, decided.finding, NOT_ADOPTED)
        _require_quiet(intent, admitted)
        intent.will("adopt", f"findings/{ident}", f"{decided.finding.kind}: {decided.finding.actual} is wanted")
        return decided

    async def _adopt(
        self, intent: Intent, admitted: Admitted, decided: Decided, permit: Permit, retries: Operation | None
    ) -> Answer:
        def begin(_tx: Transaction, deployment: Deployment) -> Mapping[str, Any]:
            return _shown(decided.finding, intent) | {"deploymentId": deployment.deployment_id}

        cause = _caused(decided.finding, DriftAction.ADOPT)
        return await self.deployments.decided(intent, admitted, cause, permit, begin, retries)

    async def _remedied(self, intent: Intent, admitted: Admitted, ident: str) -> Decided:
        decided = await self._decided(intent, admitted, ident, Transition.REMEDIATE, FindingStatus.REMEDIATING)
        _require_not(intent, decided.finding, BY_HAND)
        _require_quiet(intent, admitted)
        if admitted.environment.hold is not None:
            intent.meet(OnHold())
        if (decided.finding.attempts or 0) >= MOST_ATTEMPTS:
            intent.meet(AttemptsExhausted(MOST_ATTEMPTS))
        intent.will("remediate", f"findings/{ident}", f"{decided.finding.kind}: {decided.finding.desired} again")
        if decided.finding.service_id is None:
            intent.will("replace", f"environments/{admitted.environment.name}/infrastructure", decided.finding.actual)
            return decided
        for effect in await self.deployments.remedy_effects(admitted, decided.finding.service_id):
            intent.will(*effect)
        return decided

    async def _remedy(
        self,
        intent: Intent,
        admitted: Admitted,
        decided: Decided,
        request: ReasonRequest,
        permit: Permit,
        retries: Operation | None,
    ) -> Answer:
        finding = decided.finding
        decision = self._decision(intent, request.reason or "remediate", None)
        standing = decided.as_of(decision, attempts=(finding.attempts or 0) + 1)

        def mends(tx: Transaction) -> Mapping[str, Any]:
            tx.replace(decided.row, standing)
            return _shown(standing, intent)

        def begin(tx: Transaction, deployment: Deployment) -> Mapping[str, Any]:
            return {**mends(tx), "deploymentId": deployment.deployment_id}

        if finding.service_id is None:
            return await self.mending.begin(intent, admitted, permit, mends, retries)
        cause = _caused(finding, DriftAction.REMEDIATE)
        return await self.deployments.decided(intent, admitted, cause, permit, begin, retries)

    async def _say(
        self, intent: Intent, admitted: Admitted, decided: Decided, word: str, reason: str, until: datetime | None
    ) -> Answer:
        finding = decided.finding
        intent.will(decided.transition.value, f"findings/{finding.finding_id}", reason)
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        standing = decided.as_of(self._decision(intent, reason, until))
        subject = finding.service_id or admitted.environment.name
        lasting = f" until {until.isoformat()}" if until else ""
        summary = f"{subject}, {finding.kind}: {word}{lasting} by {intent.caller.subject}: {reason}"
        tx = intent.transaction(admitted.place, f"drift.{word}", finding.finding_id, summary, permit)
        tx.replace(decided.row, standing)
        answer = intent.remember(tx, Answer(200, _shown(standing, intent)))
        await self.journal.commit(tx)
        return answer

    async def _decided(
        self, intent: Intent, admitted: Admitted, ident: str, transition: Transition, status: FindingStatus
    ) -> Decided:
        row, finding = await _stored(self.journal, admitted, ident)
        intent.check(lambda: TRANSITIONS.require(transition, finding.status, status))
        return Decided(row, finding, transition, status)

    def _decision(self, intent: Intent, reason: str, until: datetime | None) -> Decision:
        return Decision(by=intent.caller.subject, at=self.clock(), until=until, reason=reason)

    def _require_future(self, until: datetime) -> None:
        if until <= self.clock():
            raise ValidationFailed({"until": ["must be in the future"]})


async def _stored(journal: Journal, admitted: Admitted, ident: str) -> tuple[Row, Finding]:
    """A finding of this very environment. Raises `NotFound`, `Unreadable`."""
    row = await journal.store.get(admitted.place.partition, ident) if ident.startswith(PREFIX) else None
    if row is None:
        raise NotFound("finding", ident)
    return row, read(Finding, admitted.place.partition, row)


async def _of_infrastructure(journal: Journal, admitted: Admitted) -> str:
    """The one finding that an environment's infrastructure has. Raises `NotFound`."""
    rows = await journal.store.list(admitted.place.partition, PREFIX, limit=MOST)
    for finding in read_all(Finding, admitted.place.partition, rows):
        if finding.kind is FindingKind.INFRASTRUCTURE_MISMATCH:
            return finding.finding_id
    raise NotFound("finding", admitted.environment.environment_id)


def _require_not(intent: Intent, finding: Finding, why: Mapping[FindingKind, str]) -> None:
    if finding.kind in why:
        intent.meet(ValidationFailed({"findingId": [why[finding.kind]]}))


def _require_quiet(intent: Intent, admitted: Admitted) -> None:
    """An environment in which nothing is under way."""
    intent.check(admitted.require_provisioned)
    intent.check(admitted.slot.require_free)


def _caused(finding: Finding, action: DriftAction) -> DriftCause:
    return DriftCause(
        action=action, finding_id=finding.finding_id, service_id=finding.service_id or "", kind=finding.kind.value
    )


def _shown(finding: Finding, intent: Intent) -> dict[str, Any]:
    return finding.document() | {"traceId": intent.caller.trace_id}
