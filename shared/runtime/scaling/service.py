"""Apply a scaling policy: load, decide, commit once. Its enforcement is an operation of its own."""

from __future__ import annotations

from dataclasses import dataclass

from shared.events.journal import Journal
from shared.kernel import ids
from shared.kernel.clock import Clock
from shared.kernel.errors import TargetNotEnabled
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent
from shared.runtime.environments.isolation import Admitted
from shared.runtime.scaling.model import Applied, Enforcement, PolicyStatus, ScalingPolicy, ScalingRequest, told
from shared.runtime.scaling.reading import LISTED
from shared.store import keys
from shared.targets.port import Scaling


class ListedPolicy(Record):
    scaling_policy_id: str


@dataclass(frozen=True)
class Scalings:
    journal: Journal
    clock: Clock
    signing_key: bytes

    async def apply(self, intent: Intent, admitted: Admitted, request: ScalingRequest) -> Answer:
        """201 with the policy's id; 200 with the same id when nothing differs.

        Raises `ValidationFailed`, `TargetNotEnabled`, `EnvironmentNotReady`, `PolicyDenied`.
        """
        intent.check(admitted.require_provisioned)
        intent.check(request.require_sound)
        intent.check(lambda: _require_enabled(admitted, request))
        ident = self._ident(admitted, request)
        row = await self.journal.store.get(admitted.place.partition, ident)
        requested = _requested(request)
        standing = ScalingPolicy.read(row.document) if row else None
        same = standing is not None and standing.requested == requested
        if not same:
            action = "create" if standing is None else "replace"
            intent.will(action, f"scaling-policies/{request.service_id}/{request.target}", told(requested))
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        policy = standing if standing and same else self._policy(intent, admitted, request, ident, standing)
        tx = intent.transaction(
            admitted.place,
            "scaling-policy.confirmed" if same else "scaling-policy.applied",
            ident,
            f"policy of {request.service_id} on {request.target} {'confirmed' if same else 'applied'}: {told(requested)}",
            permit,
        )
        location = f"/scaling-policies/{ident}"
        answer = intent.remember(tx, Answer(200 if same else 201, policy.document(Applied), location))
        if not same:
            tx.write(row, ident, policy)
            if row is None:
                listed = ListedPolicy(scaling_policy_id=ident)
                tx.create(keys.listed(LISTED, policy.created_at, ident), listed)
            await self.journal.active.mark(admitted.place)  # for the sweep that enforces it
        await self.journal.commit(tx)
        return answer

    def _ident(self, admitted: Admitted, request: ScalingRequest) -> str:
        """One policy per service and target, by construction: the id follows from the two."""
        environment_id = admitted.environment.environment_id
        own = ids.derived(self.signing_key, "scaling-policy", environment_id, request.service_id, request.target)
        return ids.inside(ids.Kind.SCALING_POLICY, environment_id, own)

    def _policy(
        self,
        intent: Intent,
        admitted: Admitted,
        request: ScalingRequest,
        ident: str,
        standing: ScalingPolicy | None,
    ) -> ScalingPolicy:
        now = self.clock()
        return ScalingPolicy(
            scaling_policy_id=ident,
            tenant_id=request.tenant_id,
            environment_id=admitted.environment.environment_id,
            service_id=request.service_id,
            target=request.target,
            requested=_requested(request),
            effective=standing.effective if standing else None,
            enforcement=Enforcement.PENDING,
            status=standing.status if standing else PolicyStatus.APPLIED,
            paused=standing.paused if standing else None,
            version=standing.version + 1 if standing else 1,
            enforced_at=standing.enforced_at if standing else None,
            enforced_version=standing.enforced_version if standing else None,
            applied_by=intent.caller.subject,
            created_at=standing.created_at if standing else now,
            updated_at=now,
            trace_id=intent.caller.trace_id,
        )


def _require_enabled(admitted: Admitted, request: ScalingRequest) -> None:
    if request.target not in admitted.environment.compute_targets:
        raise TargetNotEnabled(request.target, "target")


def _requested(request: ScalingRequest) -> Scaling:
    return Scaling.model_validate(
        request.model_dump(
            include={"metric", "min_replicas", "max_replicas", "target_utilization_percent", "scale_to_zero"}
        )
    )
