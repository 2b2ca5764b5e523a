"""What callers can ask of environments: load, decide, commit once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from shared.access.binding import BindingStatus
from shared.access.governance import Permit
from shared.events.journal import Journal, Place
from shared.kernel import ids
from shared.kernel.clock import Clock
from shared.kernel.errors import NotRetryable
from shared.operations import slot
from shared.operations.intent import Answer, Intent
from shared.operations.model import Operation, OperationKind, StepStatus
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import Environment, EnvironmentStatus, Placement, Provisioning, ProvisionRequest
from shared.runtime.environments.operating import asked_for
from shared.runtime.environments.tenancy import pending
from shared.runtime.environments.transitions import TRANSITIONS, Transition
from shared.store import keys

PROVISION_WITHIN = timedelta(minutes=45)


@dataclass(frozen=True)
class Environments:
    index: Index
    journal: Journal
    clock: Clock
    subscription_id: str  # where new environments are placed

    async def provision(self, intent: Intent, request: ProvisionRequest) -> Answer:
        """Commit the intent to make an environment; the orchestration does the rest.

        Raises `NameTaken`, `PolicyDenied`, `Transient`.
        """
        environment = await self._intended(intent, request)
        await intent.ask(self.index.require_free(environment))
        intent.will(
            "create", f"environments/{request.name}", f"{request.stage}, {request.region}, {request.isolation_model}"
        )
        for target in request.compute_targets:
            intent.will("create", f"targets/{target}", f"for {request.name}")
        permit = await intent.permit(None, request.stage)
        place = Place(environment.tenant_id, environment.environment_id, environment.project_id)
        location = f"/environments/{environment.environment_id}"
        operation = intent.operation(
            OperationKind.PROVISION,
            place,
            resource_id=environment.environment_id,
            location=location,
            generation=1,
            now=environment.created_at,
            within=self.clock() - environment.created_at + PROVISION_WITHIN,
            permit=permit,
        )
        await self.index.announce(environment, operation)
        tx = intent.transaction(
            place,
            "environment.provision-requested",
            environment.environment_id,
            f"provisioning of {environment.name} ({environment.stage}, {environment.region}) began",
            permit,
        )
        tx.create(keys.ENVIRONMENT, environment)
        tx.create(keys.BINDING, pending(environment, self.clock(), intent.caller.subject))
        slot.take(tx, None, operation)
        answer = intent.remember(tx, Answer(202, environment.document(Provisioning), location, operation))
        await self.journal.active.mark(place)
        await self.journal.commit(tx)
        return answer

    async def again(self, intent: Intent, admitted: Admitted, failed: Operation, permit: Permit) -> Answer:
        """Take up a provision that ended without success: what stands already is found, so it goes on where it failed.

        Raises `OperationInFlight`, `NotRetryable` once the environment has been provisioned.
        """
        intent.check(admitted.slot.require_free)
        environment = admitted.environment
        made = admitted.binding.status is not BindingStatus.PENDING
        if made or not TRANSITIONS.allows(Transition.RETRY, environment.status, EnvironmentStatus.PROVISIONING):
            raise NotRetryable(environment.status)
        intent.will("start", f"environments/{environment.name}", _left(failed))
        for target in environment.compute_targets:
            intent.will("create", f"targets/{target}", f"for {environment.name}")
        location = f"/environments/{environment.environment_id}"
        kind, now = OperationKind.PROVISION, self.clock()
        operation = asked_for(intent, admitted, kind, permit, location, now=now, within=PROVISION_WITHIN).again(failed)
        await self.index.announce_operation(operation)
        summary = f"provisioning of {environment.name} began again"
        tx = intent.transaction(
            admitted.place, "environment.provision-requested", environment.environment_id, summary, permit
        )
        slot.take(tx, admitted.rows[keys.SLOT], operation)
        status = {"status": EnvironmentStatus.PROVISIONING}
        tx.replace(admitted.rows[keys.ENVIRONMENT], environment.model_copy(update=status))
        answer = intent.remember(tx, Answer(202, operation.shown(), location, operation))
        await self.journal.active.mark(admitted.place)
        await self.journal.commit(tx)
        return answer

    async def _intended(self, intent: Intent, request: ProvisionRequest) -> Environment:
        TRANSITIONS.require(Transition.PROVISION, None, EnvironmentStatus.PROVISIONING)
        environment_id = ids.environment_id(intent.own)
        claimed_at = await self.index.claimed_at(request.tenant_id, request.name, environment_id)
        return Environment(
            **request.model_dump(),
            environment_id=environment_id,
            status=EnvironmentStatus.PROVISIONING,
            pulumi_stack_ref=request.name,
            placement=Placement(subscription_id=self.subscription_id, resource_group=f"rg-{environment_id}"),
            created_at=claimed_at or self.clock(),
            trace_id=intent.caller.trace_id,
        )


def _left(failed: Operation) -> str:
    """Where it goes on, in the words of the try that stopped: what an engine will make it alone knows."""
    stopped = ", ".join(failed.steps_that(StepStatus.FAILED)) or "its first step"
    stands = ", ".join(failed.steps_that(StepStatus.SUCCEEDED)) or "nothing yet"
    return f"provisioning goes on with {stopped}; done already: {stands}"
