"""The forward half of a deployment's effects: claim, prepare, apply, judge.

Pure bodies, dependencies per invocation, each safe to run twice; every one re-reads the operation first, and a stale
attempt ends there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.access.governance import verify
from shared.kernel.canonical import sha256
from shared.kernel.errors import ValidationFailed
from shared.kernel.record import Record
from shared.operations.model import Operation, OperationStatus, Run
from shared.operations.runs import Held, Runs, rerun
from shared.runtime.catalog.rows import MAX_SERVICES, Catalog
from shared.runtime.deployments.model import Deployment, Gate, Phase, gate_key
from shared.runtime.deployments.preparing import Preparing, overlaid
from shared.runtime.deployments.transitions import Transition, advanced
from shared.runtime.environments.index import Index
from shared.runtime.environments.model import Environment
from shared.runtime.health.witness import Subject, Witness
from shared.runtime.rollout import plan
from shared.runtime.rollout.effects import Effects, stamp_of
from shared.runtime.rollout.gate import Expected, GatePolicy, Judgement, Verdict, judge
from shared.runtime.rollout.plan import Planned, Plans, content_hash
from shared.store import keys
from shared.store.port import Replace

LOOK_FOR = timedelta(seconds=45)  # one activity's share of a gate, well below the host's time limit
SAVE_EVERY = timedelta(seconds=2)
NAMED = 5  # services in a sentence
ACTIONS = {"Deploy": "deployments.deploy", "RollbackDeployment": "deployments.rollback"}


class WaveRun(Run):
    wave: int
    services: list[str] = []


class ServiceRun(Run):
    wave: int
    service_id: str
    services: list[str] = []


class Judged(Record):
    verdict: Verdict | None = None
    message: str = ""


@dataclass(frozen=True)
class Deps:
    runs: Runs
    index: Index
    catalog: Catalog
    preparing: Preparing
    plans: Plans
    effects: Effects
    witness: Witness
    sleep: Callable[[float], Awaitable[None]]

    async def hold(self, run: Run, *others: str) -> tuple[Held, Deployment, Environment]:
        """The operation with its deployment and environment, in one round trip. Raises `Superseded`."""
        deployment_id = deployment_of(run)
        held = await self.runs.hold(run, keys.ENVIRONMENT, deployment_id, *others)
        deployment = Deployment.read(held.others[deployment_id].document)
        return held, deployment, Environment.read(held.others[keys.ENVIRONMENT].document)

    async def end(
        self,
        run: Run,
        status: OperationStatus,
        commit: Callable[[], Awaitable[Environment]],
    ) -> None:
        """Commit the end once; write its projection as often as asked: a worker may have died between the two."""
        environment = await self._ended(run, status)
        if environment is None:
            environment = await rerun(commit)
        await self.index.project(environment)

    async def _ended(self, run: Run, status: OperationStatus) -> Environment | None:
        """The environment, when this attempt's end was committed before."""
        partition = keys.partition_of(run.tenant_id, run.environment_id)
        rows = await self.runs.store.gather(partition, [run.operation_id, keys.ENVIRONMENT])
        operation = Operation.read(rows[run.operation_id].document)
        if operation.attempt != run.attempt or operation.status is not status:
            return None
        return Environment.read(rows[keys.ENVIRONMENT].document)


def deployment_of(run: Run) -> str:
    """A deployment and the operation that makes it share their own part."""
    return f"dep-{run.operation_id.removeprefix('op-')}"


def require_permitted(held: Held, now: datetime) -> None:
    """The stored receipt still covers this operation. Raises `ReceiptRefused`.

    Checked before every forward effect, without asking again; what takes a release back does not need it.
    """
    operation = held.operation
    if operation.receipt is not None:
        verify(
            operation.receipt,
            action=ACTIONS[operation.kind],
            tenant_id=operation.tenant_id,
            environment_id=operation.environment_id,
            request_hash=sha256(operation.request),
            now=now,
        )


async def run_claim(deps: Deps, run: Run) -> bool:
    """Key: (operation, attempt)."""
    return await deps.runs.claim(run, "the release to be prepared")


async def run_prepare(deps: Deps, run: Run) -> dict[str, Any]:
    """Write down what is to run and what was before. Key: the deployment; planning twice gives the same rows.

    Raises `ValidationFailed` when the release cannot be prepared as the environment stands now.
    """
    held, deployment, _ = await deps.hold(run)
    planned = await deps.preparing.plan(held.place, deployment)
    stable = await deps.catalog.snapshot(held.place, deployment.previous_deployment_id)
    if len(overlaid(stable, deployment, planned).services) > MAX_SERVICES:
        raise ValidationFailed({"components": [f"the environment would run more than {MAX_SERVICES} services"]})
    await deps.plans.write(held.place.partition, deployment.deployment_id, planned)
    await rerun(_prepared, deps, run, content_hash(planned))
    waves = sorted({item.wave for item in planned})
    return {
        "waves": [{"wave": wave, "services": [item.service_id for item in planned if item.wave == wave]} for wave in waves],
        "reversible": deployment.rollback_to is None,
    }


async def _prepared(deps: Deps, run: Run, content: str) -> None:
    held, deployment, _ = await deps.hold(run)
    now = deps.runs.clock()
    known = advanced(deployment, Transition.ADVANCE, Phase.PROVISIONING, now)
    known = advanced(known, Transition.ADVANCE, Phase.CONFIGURING, now).model_copy(update={"content_hash": content})
    await save(deps, held, known, waiting_for="the first wave")


async def save(deps: Deps, held: Held, deployment: Deployment, *, waiting_for: str) -> None:
    """Write the deployment's progress and what its operation waits for, in one transaction."""
    row = held.others[deployment.deployment_id]
    touched = {"waiting_for": waiting_for, "last_action_at": deps.runs.clock()}
    operation: Operation = held.operation.model_copy(update=touched)
    await deps.runs.store.commit(
        held.place.partition,
        deps.runs.draw(),
        [
            Replace(row.key, deployment.document(), row.version),
            Replace(held.row.key, operation.document(), held.row.version),
        ],
    )


async def run_begin_wave(deps: Deps, run: WaveRun) -> None:
    """Key: (deployment, RollingOut, wave)."""
    await rerun(_begin_wave, deps, run)


async def _begin_wave(deps: Deps, run: WaveRun) -> None:
    held, deployment, _ = await deps.hold(run)
    require_permitted(held, deps.runs.clock())
    rolling = advanced(deployment, Transition.ADVANCE, Phase.ROLLING_OUT, deps.runs.clock(), wave=run.wave)
    if rolling is not deployment:
        await save(deps, held, rolling, waiting_for=f"the targets to accept wave {run.wave}")


async def run_apply(deps: Deps, run: ServiceRun) -> None:
    """Make one service's revision run. Key: (deployment, wave, service): its plan row says when it was applied."""
    await rerun(_apply, deps, run)


async def _apply(deps: Deps, run: ServiceRun) -> None:
    key = plan.key(deployment_of(run), run.wave, run.service_id)
    held = await deps.runs.hold(run, keys.ENVIRONMENT, key)
    require_permitted(held, deps.runs.clock())
    planned = Planned.read(held.others[key].document)
    if planned.applied_at is not None:
        return
    environment = Environment.read(held.others[keys.ENVIRONMENT].document)
    if planned.wanted is not None:  # what is taken away goes at promotion: until then it serves
        await deps.effects.apply(environment.site, stamp_of(held.operation), planned.wanted)
    await deps.plans.applied(held.place.partition, held.others[key], deps.runs.clock())


async def run_judge(deps: Deps, run: WaveRun) -> Judged:
    """Look at the wave until its gate decides, for `LOOK_FOR` at most; the evidence so far is kept on the gate's row.

    Key: (deployment, wave): a stored verdict is final and is answered again.
    """
    held, deployment, environment = await deps.hold(run)
    await rerun(_begin_gating, deps, run)
    planned = await deps.plans.wave(held.place.partition, deployment.deployment_id, run.wave)
    if any(item.applied_at is None for item in planned):
        raise LookupError("judged before it was applied")  # nothing expected would be a gate that passes
    gating = _Gating(deps, run, environment, deployment.gate, [item for item in planned if item.wanted])
    return await gating.decide()


async def _begin_gating(deps: Deps, run: WaveRun) -> None:
    held, deployment, _ = await deps.hold(run)
    gating = advanced(deployment, Transition.ADVANCE, Phase.HEALTH_GATING, deps.runs.clock(), wave=run.wave)
    if gating is not deployment:
        await save(deps, held, gating, waiting_for=f"wave {run.wave} to be healthy for {deployment.gate.stable_seconds} s")


@dataclass
class _Gating:
    """One activity's look at one gate."""

    deps: Deps
    run: WaveRun
    environment: Environment
    policy: GatePolicy
    planned: list[Planned]

    async def decide(self) -> Judged:
        gate = await self._standing()
        clock = self.deps.runs.clock
        until, saved = clock() + LOOK_FOR, clock()
        while True:
            judged = judge(gate.policy, self._expected(), gate.evidence)
            now = clock()
            if judged.verdict is not None or now >= until:
                gate = await rerun(self._save, gate, judged)
                return Judged(verdict=gate.verdict, message=self._message(gate))
            if now - saved >= SAVE_EVERY:
                await rerun(self._save, gate, judged)
                saved = now
            await self.deps.sleep(self._pause())
            gate = await self._looked(gate)

    async def _standing(self) -> Gate:
        key = gate_key(deployment_of(self.run), self.run.wave)
        partition = keys.partition_of(self.run.tenant_id, self.run.environment_id)
        row = await self.deps.runs.store.get(partition, key)
        return Gate.read(row.document) if row else Gate(wave=self.run.wave, policy=self.policy)

    def _expected(self) -> list[Expected]:
        return [
            Expected(service_id=item.service_id, revision=item.wanted.workload.revision, applied_at=item.applied_at)
            for item in self.planned
            if item.wanted and item.applied_at
        ]

    def _pause(self) -> float:
        """Ten looks at least make a stable time, none is closer than half a second."""
        return min(5.0, max(0.5, self.policy.stable_seconds / 10))

    async def _looked(self, gate: Gate) -> Gate:
        subjects = [Subject(item.wanted.target, item.wanted.workload) for item in self.planned if item.wanted]
        at = self.deps.runs.clock()
        samples = await self.deps.witness.look(self.environment.site, subjects)
        return gate.model_copy(update={"evidence": gate.evidence.with_round(at, samples, self._expected())})

    async def _save(self, gate: Gate, judged: Judgement) -> Gate:
        """The gate as it stands then: a verdict that another execution stored meanwhile is the verdict.

        Raises `Superseded` when another attempt holds the operation: its evidence is not ours to write.
        """
        key = gate_key(deployment_of(self.run), self.run.wave)
        held = await self.deps.runs.hold(self.run, key)
        row = held.others.get(key)
        if row is not None and (standing := Gate.read(row.document)).verdict is not None:
            return standing
        decided = gate.model_copy(update={"verdict": judged.verdict, "healthy_since": judged.healthy_since})
        tx = self.deps.runs.transaction(held, "deployment.gate-decided", self._told(decided))
        tx.write(row, key, decided)
        if judged.verdict is None:
            await self.deps.runs.store.commit(held.place.partition, self.deps.runs.draw(), tx.changes)
        else:
            await self.deps.runs.journal.commit(tx)
        return decided

    def _told(self, gate: Gate) -> str:
        """The timeline's sentence."""
        if gate.verdict is not Verdict.PASSED:
            return f"gate {gate.verdict}, {self._message(gate)}"
        names = ", ".join(item.service_id for item in self.planned[:NAMED])
        more = f" and {len(self.planned) - NAMED} more" if len(self.planned) > NAMED else ""
        return f"gate {gate.verdict}, wave {self.run.wave}: {names}{more} stayed healthy for {gate.policy.stable_seconds} s"

    def _message(self, gate: Gate) -> str:
        """What stopped the wave, in the words of its last samples."""
        if gate.verdict in (None, Verdict.PASSED):
            return ""
        last = {sample.service_id: sample for sample in gate.evidence.samples}
        odd = [f"{one.service_id}: {one.detail or one.status}" for one in last.values() if one.status != "Healthy"]
        return f"wave {self.run.wave}: " + ", ".join(odd[:NAMED]) if odd else f"wave {self.run.wave} was not stable"
