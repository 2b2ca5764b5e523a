"""Begin the operation that brings a policy to its target, when the slot is free and something runs there.

Nobody waits for it: the policy was committed as desired before, and says `Pending` until this has worked. What failed is
tried again by itself, and what was lost again at the target; what a person cancelled waits for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.events.journal import PLATFORM_CLIENT, Cause, Journal, Transaction
from shared.kernel.canonical import canonical
from shared.kernel.clock import Clock, Draw
from shared.kernel.errors import NotRetryable
from shared.operations import slot
from shared.operations.intent import Answer, Intent
from shared.operations.model import Operation, OperationKind
from shared.runtime.catalog.rows import Catalog
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.environments.operating import by_itself
from shared.runtime.scaling.model import Enforcement, ScalingPolicy, told
from shared.runtime.scaling.reading import Policies
from shared.store import keys
from shared.store.port import Change

WITHIN = timedelta(minutes=15)
AGAIN_AFTER = timedelta(minutes=1)
COOLDOWN = timedelta(minutes=5)
SUBJECT = "scaling-sweep"


@dataclass(frozen=True)
class Enforcing:
    policies: Policies
    catalog: Catalog
    index: Index
    journal: Journal
    clock: Clock
    draw: Draw

    async def waiting(self, admitted: Admitted) -> list[ScalingPolicy]:
        """Policies that wait to be enforced by the platform: pending, and of a service that runs on that target."""
        return [policy for policy in await self.pending(admitted) if policy.canceled_version != policy.version]

    async def pending(self, admitted: Admitted) -> list[ScalingPolicy]:
        """Those beside them whose enforcement a person took back. None of a tenant that may not act: what the platform
        starts for it waits, too."""
        if admitted.closed or admitted.environment.status is not EnvironmentStatus.PROVISIONED:
            return []
        pending = [policy for policy in await self.policies.of(admitted.place) if policy.enforcement is Enforcement.PENDING]
        if not pending:
            return []
        snapshot = await self.catalog.snapshot(admitted.place, admitted.environment.stable_deployment_id)
        services = snapshot.services if snapshot else {}
        return [
            policy
            for policy in pending
            if policy.service_id in services and services[policy.service_id].target == policy.target
        ]

    def is_due(self, policy: ScalingPolicy) -> bool:
        """Whether a waiting policy's turn has come: one whose enforcement failed rests for `AGAIN_AFTER`; one that its
        target had taken, and lost, for `COOLDOWN`: whoever else moves it is not fought every minute."""
        now = self.clock()
        if policy.failed_at is not None and now - policy.failed_at < AGAIN_AFTER:
            return False
        if policy.enforced_at is None or policy.enforced_version != policy.version:
            return True
        return now - policy.enforced_at >= COOLDOWN

    async def begin(self, admitted: Admitted, policy: ScalingPolicy, *, beside: Sequence[Change] = ()) -> Operation:
        """`beside` is committed with it. Raises `OperationInFlight`, `Conflict` when the slot was taken meanwhile."""
        operation = self.operation(admitted, policy)
        await self.index.announce_operation(operation)
        tx = Transaction(
            admitted.place,
            Cause(SUBJECT, PLATFORM_CLIENT, policy.trace_id, caused_by=policy.scaling_policy_id),
            "scaling-policy.enforcement-begun",
            policy.scaling_policy_id,
            f"{policy.service_id}: bringing {told(policy.requested)} to {policy.target} began",
        )
        slot.take(tx, admitted.rows[keys.SLOT], operation)
        tx.changes.extend(beside)
        await self.journal.active.mark(admitted.place)
        await self.journal.commit(tx)
        return operation

    async def again(self, intent: Intent, admitted: Admitted, failed: Operation) -> Answer:
        """Enforce the policy as it stands now, at once. Raises `OperationInFlight`, `NotRetryable` when nothing waits."""
        admitted.slot.require_free()
        policy = next((one for one in await self.pending(admitted) if one.scaling_policy_id == failed.resource_id), None)
        if policy is None:
            raise NotRetryable(failed.status)
        operation = self.operation(admitted, policy).model_copy(
            update={"retry_of": failed.operation_id, "requested_by": intent.caller.subject}
        )
        await self.index.announce_operation(operation)
        tx = intent.transaction(
            admitted.place,
            "scaling-policy.enforcement-begun",
            policy.scaling_policy_id,
            f"{policy.service_id}: bringing {told(policy.requested)} to {policy.target} began again",
        )
        slot.take(tx, admitted.rows[keys.SLOT], operation)
        answer = intent.remember(tx, Answer(202, operation.shown(), operation.resource_path, operation))
        await self.journal.active.mark(admitted.place)
        await self.journal.commit(tx)
        return answer

    def operation(self, admitted: Admitted, policy: ScalingPolicy) -> Operation:
        """The operation that brings this version of the policy to its target; not begun."""
        request = {"scalingPolicyId": policy.scaling_policy_id, "version": policy.version}
        return by_itself(
            admitted,
            OperationKind.ENFORCE_SCALING,
            f"/scaling-policies/{policy.scaling_policy_id}",
            canonical(request).decode(),
            own=self.draw(),
            requested_by=policy.applied_by,
            trace_id=policy.trace_id,
            now=self.clock(),
            within=WITHIN,
        )
