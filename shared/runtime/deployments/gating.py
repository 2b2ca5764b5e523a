"""A wave's gate: look until the evidence decides.

The evidence so far is on the gate's row, so that a worker that dies loses at most a look. A stored verdict is final: what
a person may do about it is in `pausing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.kernel.record import Record
from shared.operations.runs import rerun
from shared.runtime.deployments.activities import Deps, WaveRun, deployment_of, save
from shared.runtime.deployments.gates import Gate, gate_key
from shared.runtime.deployments.model import Phase
from shared.runtime.deployments.transitions import Transition, advanced
from shared.runtime.environments.model import Environment
from shared.runtime.health.reports import EnvironmentReports
from shared.runtime.health.told import Awaited, out_of_reach, told
from shared.runtime.health.witness import Sample, Subject
from shared.runtime.rollout.gate import Expected, GatePolicy, Judgement, Verdict, judge
from shared.runtime.rollout.plan import Planned
from shared.store import keys
from shared.store.reading import read
from shared.store.revision import REPORTS

LOOK_FOR = timedelta(seconds=45)  # one activity's share of a gate, well below the host's time limit
SAVE_EVERY = timedelta(seconds=2)
NAMED = 5  # services in a sentence


class Judged(Record):
    verdict: Verdict | None = None
    message: str = ""


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
            judged = judge(gate.policy, self._expected(gate), gate.evidence)
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

    def _expected(self, gate: Gate) -> list[Expected]:
        """A gate that was opened again wants evidence from after that."""
        return [
            Expected(
                service_id=item.service_id,
                revision=item.wanted.workload.revision,
                applied_at=max(item.applied_at, gate.reopened_at or item.applied_at),
            )
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
        expected = self._expected(gate)
        if any(out_of_reach(sample) for sample in samples):
            samples = await self._with_reports(samples, expected)
        return gate.model_copy(update={"evidence": gate.evidence.with_round(at, samples, expected)})

    async def _with_reports(self, samples: Sequence[Sample], expected: Sequence[Expected]) -> list[Sample]:
        """Where nobody here can ask a service, an agent inside its network may have."""
        partition = keys.partition_of(self.run.tenant_id, self.run.environment_id)
        row = await self.deps.runs.store.get(partition, REPORTS)
        reports = read(EnvironmentReports, partition, row).services if row else {}
        planned, now = {item.service_id: item for item in self.planned}, self.deps.runs.clock()
        awaited = {
            service.service_id: Awaited.of(
                item.wanted.workload, item.before.workload if item.before else None, service.applied_at
            )
            for service in expected
            if (item := planned[service.service_id]).wanted
        }
        return [told(sample, awaited[sample.service_id], reports, now) for sample in samples]

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
