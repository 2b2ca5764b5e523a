"""A gate that waits for a person, and what that person says.

A stored verdict is final: only a person's `retry` opens the gate again, with evidence of its own while the first verdict
keeps what it had, and only a person's `promote` passes it in spite of its verdict, which the row then says for ever.
"""

from __future__ import annotations

from shared.kernel.record import Record
from shared.operations.model import Operation, PersonAction, PersonDecision
from shared.operations.runs import Held, rerun
from shared.runtime.deployments.activities import Deps, FailingWaveRun, WaveRun, deployment_of
from shared.runtime.deployments.gates import Gate, Override, earlier_key, gate_key
from shared.runtime.deployments.model import Deployment, Phase
from shared.runtime.deployments.transitions import noted


class Decided(Record):
    action: PersonAction


async def run_pause(deps: Deps, run: FailingWaveRun) -> None:
    """Say that a person is waited for, and for what. Key: the operation's `paused` and what it says it waits for."""
    await rerun(_pause, deps, run)


async def _pause(deps: Deps, run: FailingWaveRun) -> None:
    held, deployment, _ = await deps.hold(run, gate_key(deployment_of(run), run.wave))
    operation, waiting = held.operation, _awaits(deployment, run)
    if operation.decision is not None or _already_decided(held, run) is not None:
        return
    if operation.paused and operation.waiting_for == waiting:
        return
    tx = deps.runs.transaction(held, "deployment.paused", f"{deployment.told} is paused at its gate, {run.error.message}")
    paused = {"paused": True, "waiting_for": waiting, "last_action_at": deps.runs.clock()}
    tx.replace(held.row, operation.model_copy(update=paused))
    await deps.runs.journal.commit(tx)


def _awaits(deployment: Deployment, run: FailingWaveRun) -> str:
    """What a person may do; a rollback is never taken back itself."""
    back = "" if deployment.rollback_of else ", cancel rolls back"
    return f"a person: retry judges again, promote goes on{back} ({run.error.message})"


async def run_decided(deps: Deps, run: WaveRun) -> Decided | None:
    """Take up what a person decided; None while nobody has.

    Key: the gate's row: a decision that was taken up is answered again, to a later attempt that comes by this wave while
    it is another one that waits, too.
    """
    return await rerun(_decided, deps, run)


async def _decided(deps: Deps, run: WaveRun) -> Decided | None:
    held, deployment, _ = await deps.hold(run, gate_key(deployment_of(run), run.wave))
    already, decision = _already_decided(held, run), held.operation.decision
    if already is not None or decision is None:
        return already
    await _take_up(deps, run, held, deployment, decision)
    return Decided(action=decision.action)


def _already_decided(held: Held, run: WaveRun) -> Decided | None:
    """What the gate's row says about a decision that was taken up before."""
    gate = Gate.read(held.others[gate_key(deployment_of(run), run.wave)].document)
    if gate.overridden is not None:
        return Decided(action=PersonAction.PROMOTE)
    return Decided(action=PersonAction.RETRY) if gate.verdict is None else None


async def _take_up(deps: Deps, run: WaveRun, held: Held, deployment: Deployment, decision: PersonDecision) -> None:
    """In one transaction: the gate opened again or passed, the history's word for it, the operation on its way."""
    key, now = gate_key(deployment_of(run), run.wave), deps.runs.clock()
    gate = Gate.read(held.others[key].document)
    why = f": {decision.reason}" if decision.reason else ""
    earlier: tuple[str, Gate] | None = None
    if decision.action is PersonAction.PROMOTE:
        override = Override(by=decision.by, at=decision.at, reason=decision.reason or "")
        gate = gate.model_copy(update={"overridden": override})
        waiting, word = "the next wave", f"{decision.by} went on in spite of {gate.verdict}{why}"
    else:
        waiting, word = "the gate to be judged again", f"{decision.by} had {gate.verdict} judged again{why}"
        earlier = earlier_key(deployment.deployment_id, gate), gate
        gate = Gate(wave=gate.wave, policy=gate.policy, judgement=gate.judgement + 1, reopened_at=now)
    going: Operation = held.operation.model_copy(
        update={"paused": False, "decision": None, "waiting_for": waiting, "last_action_at": now}
    )
    tx = deps.runs.transaction(held, "deployment.gate-answered", f"{deployment.told}, wave {run.wave}: {word}")
    tx.replace(held.others[key], gate)
    tx.replace(held.others[deployment.deployment_id], noted(deployment, Phase.HEALTH_GATING, run.wave, word))
    tx.replace(held.row, going)
    if earlier is not None:
        tx.create(*earlier)
    await deps.runs.journal.commit(tx)
