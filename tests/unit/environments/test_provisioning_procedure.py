"""How an environment is made, step by step, with the engine played by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.operations.procedure import SUPERSEDED, WAKE, Payload, refused, transient, value
from shared.runtime.environments.orchestrator import (
    CLAIM,
    COMPLETE,
    FAIL,
    LOOK,
    START_JOB,
    STOP_JOB,
    provision_environment,
)
from tests.unit.operations.driven import Driven
from tests.unit.operations.world import NOON

DEADLINE = NOON + timedelta(minutes=45)
RUN: Payload = {"mustSettleBy": DEADLINE.isoformat(), "pollSeconds": 60.0, "retrySeconds": 600.0}


def waiting() -> Driven:
    """A run that has started its job and found no result yet."""
    engine = Driven(RUN).play(provision_environment)
    engine.ends(CLAIM, value(True))
    engine.ends(START_JOB, value(None))
    engine.ends(LOOK, value(None))
    assert engine.waits
    return engine


def test_claim_start_nudge_look_complete() -> None:
    engine = waiting()
    engine.hears(WAKE)
    engine.ends(LOOK, value({"done": True}))
    assert engine.ends(COMPLETE, value(None)) == [RUN]
    assert engine.result == "provisioned"


def test_no_timer_is_left_running() -> None:
    engine = waiting()
    engine.hears(WAKE)
    engine.ends(LOOK, value({"done": True}))
    assert all(timer.cancelled for timer in engine.timers)


def test_a_lost_nudge_costs_a_poll_and_not_the_environment() -> None:
    engine = waiting()
    assert engine.fires() == NOON + timedelta(seconds=60)
    engine.ends(LOOK, value({"done": True}))
    engine.ends(COMPLETE, value(None))
    assert engine.result == "provisioned"


def test_a_nudge_without_a_result_goes_on_waiting() -> None:
    engine = waiting()
    engine.hears(WAKE)
    engine.ends(LOOK, value(None))
    engine.hears(WAKE)
    engine.ends(LOOK, value({"done": True}))
    engine.ends(COMPLETE, value(None))
    assert engine.result == "provisioned"


def test_a_claim_that_somebody_else_has_ends_quietly() -> None:
    engine = Driven(RUN).play(provision_environment)
    engine.ends(CLAIM, value(False))
    assert engine.result == "superseded"


@pytest.mark.parametrize("at", [START_JOB, LOOK, COMPLETE])
def test_a_superseded_run_ends_quietly_wherever_it_is(at: str) -> None:
    engine = Driven(RUN).play(provision_environment)
    engine.ends(CLAIM, value(True))
    for step, outcome in [(START_JOB, value(None)), (LOOK, value({"done": True})), (COMPLETE, value(None))]:
        if engine.waits:
            engine.hears(WAKE)
        engine.ends(step, SUPERSEDED if step == at else outcome)
        if step == at:
            break
    assert engine.result == "superseded"


def test_a_job_that_reports_a_failure_fails_the_operation_with_its_error() -> None:
    engine = waiting()
    engine.hears(WAKE)
    engine.ends(LOOK, value({"done": True, "error": {"code": "QuotaExceeded", "message": "no cores"}}))
    (payload,) = engine.ends(FAIL, value(None))
    assert payload["error"] == {"code": "QuotaExceeded", "message": "no cores"}
    assert engine.result == "failed"


def test_a_job_that_cannot_be_started_fails_the_operation() -> None:
    engine = Driven(RUN).play(provision_environment)
    engine.ends(CLAIM, value(True))
    engine.ends(START_JOB, refused("JobNotFound", ""))
    engine.ends(FAIL, value(None))
    assert engine.result == "failed"


def test_at_the_deadline_it_looks_once_more_before_it_fails() -> None:
    engine = waiting()
    last = NOON
    while last < DEADLINE:
        last = engine.fires()
        engine.ends(LOOK, value(None))
    assert last == DEADLINE, "never beyond it"
    engine.ends(STOP_JOB, value(None))
    (payload,) = engine.ends(FAIL, value(None))
    assert payload["error"]["code"] == "DeadlineExceeded"


def test_a_result_that_is_found_at_the_deadline_counts() -> None:
    engine = waiting()
    while engine.fires() < DEADLINE:
        engine.ends(LOOK, value(None))
    engine.ends(LOOK, value({"done": True}))
    engine.ends(COMPLETE, value(None))
    assert engine.result == "provisioned"


def test_transient_errors_of_a_look_are_tried_again() -> None:
    engine = waiting()
    engine.hears(WAKE)
    engine.ends(LOOK, transient("tables", 1))
    engine.fires()
    engine.ends(LOOK, value({"done": True}))
    engine.ends(COMPLETE, value(None))
    assert engine.result == "provisioned"
