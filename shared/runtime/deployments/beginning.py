"""A deployment begins: it, its operation, the taken slot, the event and the remembered answer in one transaction.

Whoever begins one (a release, a way back, a second try, a decision on drift) has decided before what it rolls out; here
is what they all have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.access.governance import Permit
from shared.events.journal import Journal, Transaction
from shared.kernel import ids
from shared.kernel.clock import Clock
from shared.operations import slot
from shared.operations.intent import Answer, Intent
from shared.operations.model import LONGEST_TOLD, Operation, OperationKind
from shared.runtime.deployments import listed, waves
from shared.runtime.deployments.model import Deployment, DeploymentBegun, HistoryEntry, Phase
from shared.runtime.deployments.transitions import TRANSITIONS, Transition
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.operating import asked_for
from shared.runtime.rollout.gate import OnFailure
from shared.store import keys

NAMED = 5  # components in a summary
PERSON_WITHIN = timedelta(hours=24)
SLACK = timedelta(minutes=30)  # for applies, promotion and taking it all back

Begin = Callable[[Transaction, Deployment], Mapping[str, Any]]


@dataclass(frozen=True)
class Beginning:
    index: Index
    journal: Journal
    clock: Clock

    def new(self, intent: Intent, admitted: Admitted, **fields: Any) -> Deployment:
        """A deployment that this call requests: its ids, and when and of whom it was asked."""
        TRANSITIONS.require(Transition.REQUEST, None, Phase.REQUESTED)
        environment, now = admitted.environment, self.clock()
        return Deployment(
            **fields,
            deployment_id=ids.inside(ids.Kind.DEPLOYMENT, environment.environment_id, intent.own),
            tenant_id=environment.tenant_id,
            environment_id=environment.environment_id,
            project_id=environment.project_id,
            rollout_history=[HistoryEntry(phase=Phase.REQUESTED, started_at=now)],
            operation_id=ids.operation_id(environment.environment_id, intent.own),
            previous_deployment_id=environment.stable_deployment_id,
            requested_by=intent.caller.subject,
            created_at=now,
            trace_id=intent.caller.trace_id,
        )

    async def begin(
        self,
        intent: Intent,
        admitted: Admitted,
        deployment: Deployment,
        kind: OperationKind,
        permit: Permit,
        retries: Operation | None = None,
        begin: Begin | None = None,
    ) -> Answer:
        """The intent, once, in one transaction. `begin` adds to it and makes the answer; without it the answer is the
        deployment, or the operation where a failed one is tried again. Raises `Conflict` where another came first."""
        location, now = f"/deployments/{deployment.deployment_id}", deployment.created_at
        operation = asked_for(intent, admitted, kind, permit, location, now=now, within=_longest(deployment))
        if retries is not None:
            operation = operation.again(retries)
        await self.index.announce_operation(operation)
        tx = intent.transaction(
            admitted.place,
            "deployment.requested",
            deployment.deployment_id,
            _begun(deployment) + _in_spite(operation),
            permit,
        )
        listed.add(tx, deployment)
        slot.take(tx, admitted.rows[keys.SLOT], operation)
        body = begin(tx, deployment) if begin else deployment.document(DeploymentBegun)
        answer = intent.remember(tx, Answer(202, body if retries is None else operation.shown(), location, operation))
        await self.journal.commit(tx)
        return answer


def _in_spite(operation: Operation) -> str:
    """That a person released in spite of a breach, and why."""
    why = operation.request.get("overrideIsolationBreach")
    return f", in spite of a breach of isolation: {why[:LONGEST_TOLD]}" if why else ""


def _begun(deployment: Deployment) -> str:
    """The timeline's sentence."""
    components = deployment.components
    names = ", ".join(component.module_id for component in components[:NAMED])
    more = f" and {len(components) - NAMED} more" if len(components) > NAMED else ""
    reason = f" ({deployment.reason[:LONGEST_TOLD]})" if deployment.reason else ""
    return f"{deployment.told} began: {names}{more}{reason}"


def _longest(deployment: Deployment) -> timedelta:
    """All its gates, one after the other, and the time that a person may take where they pause."""
    gates = deployment.gate.longest * len(set(waves.ordered(deployment.components).values()))
    return SLACK + gates + (PERSON_WITHIN if deployment.gate.on_failure is OnFailure.PAUSE else timedelta())
