"""Which phase may follow which, and how history is written: no (phase, wave) twice, across crashes too."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from shared.kernel.matrix import Matrix
from shared.operations.model import OperationError
from shared.runtime.deployments.model import Deployment, DeploymentStatus, HistoryEntry, Phase


class Transition(StrEnum):
    REQUEST = "request"
    ADVANCE = "advance"
    ROLL_BACK = "roll-back"
    END = "end"
    ADOPT = "adopt"


ENDS = {
    Phase.COMPLETED: DeploymentStatus.COMPLETED,
    Phase.ROLLED_BACK: DeploymentStatus.ROLLED_BACK,
    Phase.FAILED: DeploymentStatus.FAILED,
    Phase.CANCELED: DeploymentStatus.CANCELED,
}

TRANSITIONS: Matrix[Transition, Phase] = Matrix(
    {
        (Transition.REQUEST, None): frozenset({Phase.REQUESTED}),
        (Transition.ADVANCE, Phase.REQUESTED): frozenset({Phase.PROVISIONING}),
        (Transition.ADVANCE, Phase.PROVISIONING): frozenset({Phase.CONFIGURING}),
        # A rollback to what runs already has no wave at all.
        (Transition.ADVANCE, Phase.CONFIGURING): frozenset({Phase.ROLLING_OUT, Phase.PROMOTING}),
        (Transition.ADVANCE, Phase.ROLLING_OUT): frozenset({Phase.HEALTH_GATING}),
        # The next wave rolls only after the gate of the one before.
        (Transition.ADVANCE, Phase.HEALTH_GATING): frozenset({Phase.ROLLING_OUT, Phase.PROMOTING}),
        # Wave by wave, in reverse; from whatever had begun to touch a target.
        (Transition.ROLL_BACK, Phase.ROLLING_OUT): frozenset({Phase.ROLLING_BACK}),
        (Transition.ROLL_BACK, Phase.HEALTH_GATING): frozenset({Phase.ROLLING_BACK}),
        (Transition.ROLL_BACK, Phase.PROMOTING): frozenset({Phase.ROLLING_BACK}),
        (Transition.ROLL_BACK, Phase.ROLLING_BACK): frozenset({Phase.ROLLING_BACK}),
        (Transition.END, Phase.PROMOTING): frozenset({Phase.COMPLETED, Phase.FAILED}),
        (Transition.END, Phase.ROLLING_BACK): frozenset({Phase.ROLLED_BACK, Phase.FAILED, Phase.CANCELED}),
        # What failed before anything was touched has nothing to take back.
        (Transition.END, Phase.REQUESTED): frozenset({Phase.FAILED, Phase.CANCELED}),
        (Transition.END, Phase.PROVISIONING): frozenset({Phase.FAILED, Phase.CANCELED}),
        (Transition.END, Phase.CONFIGURING): frozenset({Phase.FAILED, Phase.CANCELED}),
        # What runs already becomes what is wanted: nothing is rolled out.
        (Transition.ADOPT, Phase.REQUESTED): frozenset({Phase.COMPLETED}),
        # The deadline ends what could not even be rolled back.
        (Transition.END, Phase.ROLLING_OUT): frozenset({Phase.FAILED}),
        (Transition.END, Phase.HEALTH_GATING): frozenset({Phase.FAILED}),
    }
)


def advanced(
    deployment: Deployment,
    transition: Transition,
    phase: Phase,
    now: datetime,
    *,
    wave: int | None = None,
    detail: str | None = None,
) -> Deployment:
    """The deployment in its next phase, the one before closed. Repeating the step that led here changes nothing.

    Raises `TransitionRefused`.
    """
    if any(entry.phase is phase and entry.wave == wave for entry in deployment.rollout_history):
        return deployment
    TRANSITIONS.require(transition, deployment.phase, phase)
    history = [
        entry if entry.ended_at else entry.model_copy(update={"ended_at": now}) for entry in deployment.rollout_history
    ]
    ended = now if phase in ENDS else None
    history.append(HistoryEntry(phase=phase, wave=wave, started_at=now, ended_at=ended, detail=detail))
    return deployment.model_copy(update={"phase": phase, "rollout_history": history})


def noted(deployment: Deployment, phase: Phase, wave: int | None, word: str) -> Deployment:
    """The deployment with a word added to the detail of an entry of its history."""
    history = [
        entry.model_copy(update={"detail": f"{entry.detail}; {word}" if entry.detail else word})
        if entry.phase is phase and entry.wave == wave
        else entry
        for entry in deployment.rollout_history
    ]
    return deployment.model_copy(update={"rollout_history": history})


def ended(
    deployment: Deployment,
    phase: Phase,
    now: datetime,
    *,
    by: Transition = Transition.END,
    error: OperationError | None = None,
    detail: str | None = None,
) -> Deployment:
    """The deployment with its terminal word. Raises `TransitionRefused`."""
    closed = advanced(deployment, by, phase, now, detail=detail)
    return closed.model_copy(update={"status": ENDS[phase], "ended_at": now, "error": error})
