"""Pause a policy and resume it: for a while nothing scales a service, and its count stays as it is.

What is wanted changes at once, and the operation that brings it to the target begins in the same commit: so it needs the
slot, which applying does not. Pausing what is paused, and resuming what is not, changes nothing and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.access.governance import Permit
from shared.events.journal import Journal
from shared.kernel.errors import NotFound
from shared.operations import slot
from shared.operations.intent import Answer, Intent
from shared.runtime.environments.isolation import Admitted
from shared.runtime.scaling.enforcement import Enforcing
from shared.runtime.scaling.model import Applied, Enforcement, Pause, PolicyStatus, ScalingPolicy
from shared.runtime.scaling.reading import LISTED
from shared.store import keys
from shared.store.port import Row
from shared.store.reading import read


@dataclass(frozen=True)
class Pausing:
    journal: Journal
    enforcing: Enforcing

    async def pause(self, intent: Intent, admitted: Admitted, ident: str, reason: str | None) -> Answer:
        """202; 200 for what is paused already.

        Raises `NotFound`, `EnvironmentNotReady`, `OperationInFlight`, `PolicyDenied`.
        """
        row, policy = await self._standing(admitted, ident)
        pause = Pause(by=intent.caller.subject, at=self.enforcing.clock(), reason=reason)
        changed = {"status": PolicyStatus.PAUSED, "paused": policy.paused or pause}
        return await self._change(intent, admitted, row, policy, changed, "pause")

    async def resume(self, intent: Intent, admitted: Admitted, ident: str) -> Answer:
        """202; 200 for what is not paused. Raises as `pause` does."""
        row, policy = await self._standing(admitted, ident)
        return await self._change(intent, admitted, row, policy, {"status": PolicyStatus.APPLIED, "paused": None}, "resume")

    async def _standing(self, admitted: Admitted, ident: str) -> tuple[Row, ScalingPolicy]:
        partition = admitted.place.partition
        row = await self.journal.store.get(partition, ident) if ident.startswith(f"{LISTED}-") else None
        if row is None:
            raise NotFound("scaling policy", ident)
        return row, read(ScalingPolicy, partition, row)

    async def _change(
        self,
        intent: Intent,
        admitted: Admitted,
        row: Row,
        policy: ScalingPolicy,
        changed: Mapping[str, Any],
        verb: str,
    ) -> Answer:
        environment, same = admitted.environment, policy.status is changed["status"]
        intent.check(admitted.require_provisioned)
        if not same:
            intent.check(admitted.slot.require_free)
            intent.will(verb, f"scaling-policies/{policy.service_id}/{policy.target}")
        permit = await intent.permit(environment.environment_id, environment.stage)
        if same:
            return await self._confirmed(intent, admitted, policy, permit)
        now = self.enforcing.clock()
        news = {
            "version": policy.version + 1,
            "enforcement": Enforcement.PENDING,
            "updated_at": now,
            "trace_id": intent.caller.trace_id,
        }
        wanted = policy.model_copy(update={**changed, **news})
        return await self._begin(intent, admitted, row, wanted, permit, verb)

    async def _confirmed(self, intent: Intent, admitted: Admitted, policy: ScalingPolicy, permit: Permit) -> Answer:
        summary = f"policy of {policy.service_id} on {policy.target} was {policy.status.lower()} already"
        tx = intent.transaction(admitted.place, "scaling-policy.confirmed", policy.scaling_policy_id, summary, permit)
        answer = intent.remember(tx, Answer(200, policy.document(Applied) | {"traceId": intent.caller.trace_id}))
        await self.journal.commit(tx)
        return answer

    async def _begin(
        self, intent: Intent, admitted: Admitted, row: Row, wanted: ScalingPolicy, permit: Permit, verb: str
    ) -> Answer:
        by = {
            "requested_by": intent.caller.subject,
            "decision_id": permit.receipt.decision_id if permit.receipt else None,
        }
        operation = self.enforcing.operation(admitted, wanted).model_copy(update=by)
        await self.enforcing.index.announce_operation(operation)
        why = f": {wanted.paused.reason}" if wanted.paused and wanted.paused.reason else ""
        tx = intent.transaction(
            admitted.place,
            f"scaling-policy.{verb}d",
            wanted.scaling_policy_id,
            f"policy of {wanted.service_id} on {wanted.target} {verb}d{why}",
            permit,
        )
        tx.replace(row, wanted)
        slot.take(tx, admitted.rows[keys.SLOT], operation)
        location = f"/scaling-policies/{wanted.scaling_policy_id}"
        answer = intent.remember(tx, Answer(202, wanted.document(Applied), location, operation))
        await self.journal.active.mark(admitted.place)
        await self.journal.commit(tx)
        return answer
