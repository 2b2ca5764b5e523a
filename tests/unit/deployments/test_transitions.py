"""The state machine of a deployment, as the full product against a table of its own."""

from __future__ import annotations

from itertools import product

import pytest

from shared.kernel.errors import TransitionRefused
from shared.operations.model import OperationError
from shared.runtime.deployments.model import Deployment, DeploymentStatus, HistoryEntry, Phase
from shared.runtime.deployments.transitions import ENDS, TRANSITIONS, Transition, advanced, ended
from tests.unit.doubles.clock import NOON, SECOND
from tests.unit.doubles.world import GATE, component, deploy_request

# What decisions.md says, phase by phase: the phases that may come next, then how it may end from there.
ORDER = {
    "Requested": ("Provisioning", "Failed Canceled"),
    "Provisioning": ("Configuring", "Failed Canceled"),
    "Configuring": ("RollingOut Promoting", "Failed Canceled"),
    "RollingOut": ("HealthGating RollingBack", "Failed"),
    "HealthGating": ("RollingOut Promoting RollingBack", "Failed"),
    "Promoting": ("RollingBack", "Completed Failed"),
    "RollingBack": ("RollingBack", "RolledBack Failed Canceled"),
    "Completed": ("", ""),
    "RolledBack": ("", ""),
    "Failed": ("", ""),
    "Canceled": ("", ""),
}


def may(transition: Transition, current: Phase | None, target: Phase) -> bool:
    if transition is Transition.REQUEST:
        return (current, target) == (None, Phase.REQUESTED)
    if transition is Transition.ADOPT:
        return (current, target) == (Phase.REQUESTED, Phase.COMPLETED)
    if current is None:
        return False
    following, ends = (words.split() for words in ORDER[current])
    if transition is Transition.END:
        return target in ends
    return target in following and (target is Phase.ROLLING_BACK) == (transition is Transition.ROLL_BACK)


@pytest.mark.parametrize(("transition", "current", "target"), list(product(Transition, [None, *Phase], Phase)))
def test_every_transition_is_allowed_exactly_where_the_order_says_so(
    transition: Transition, current: Phase | None, target: Phase
) -> None:
    assert TRANSITIONS.allows(transition, current, target) == may(transition, current, target)


def deployment(phase: Phase, *history: tuple[Phase, int | None]) -> Deployment:
    request = deploy_request(component("api"))
    return Deployment.model_validate(
        {
            "deployment_id": "dep-1",
            "tenant_id": "t",
            "environment_id": "env-1",
            "project_id": "p",
            "release_ref": "r",
            "components": request.components,
            "strategy": request.strategy,
            "gate": GATE,
            "phase": phase,
            "rollout_history": [HistoryEntry(phase=one, wave=wave, started_at=NOON) for one, wave in history],
            "operation_id": "op-1",
            "requested_by": "ada",
            "created_at": NOON,
            "trace_id": "trace-1",
        }
    )


def test_the_next_phase_closes_the_one_before() -> None:
    later = NOON + SECOND
    rolling = advanced(
        deployment(Phase.CONFIGURING, (Phase.CONFIGURING, None)), Transition.ADVANCE, Phase.ROLLING_OUT, later, wave=0
    )
    assert rolling.rollout_history[0].ended_at == later
    assert (rolling.phase, rolling.rollout_history[1].ended_at) == (Phase.ROLLING_OUT, None)


def test_repeating_the_step_that_led_here_changes_nothing() -> None:
    before = deployment(Phase.ROLLING_OUT, (Phase.ROLLING_OUT, 0))
    assert advanced(before, Transition.ADVANCE, Phase.ROLLING_OUT, NOON, wave=0) is before


def test_the_same_phase_of_another_wave_is_another_entry() -> None:
    before = deployment(Phase.HEALTH_GATING, (Phase.ROLLING_OUT, 0), (Phase.HEALTH_GATING, 0))
    after = advanced(before, Transition.ADVANCE, Phase.ROLLING_OUT, NOON, wave=1)
    assert [(entry.phase, entry.wave) for entry in after.rollout_history][-1] == (Phase.ROLLING_OUT, 1)


def test_a_phase_out_of_order_is_refused() -> None:
    with pytest.raises(TransitionRefused):
        advanced(deployment(Phase.ROLLING_OUT), Transition.ADVANCE, Phase.PROMOTING, NOON)


@pytest.mark.parametrize("phase", ENDS)
def test_the_terminal_word_closes_everything_and_is_the_coarse_status_too(phase: Phase) -> None:
    current = Phase.PROMOTING if phase is Phase.COMPLETED else Phase.ROLLING_BACK
    error = OperationError(code="GateFailed", message="api: Unhealthy")
    end = ended(deployment(current, (current, None)), phase, NOON + SECOND, error=error)
    assert end.status is DeploymentStatus(phase.value)
    assert (end.ended_at, end.error) == (NOON + SECOND, error)
    assert [entry.ended_at for entry in end.rollout_history] == [NOON + SECOND] * 2
