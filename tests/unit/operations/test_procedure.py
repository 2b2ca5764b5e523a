"""How a step of a long flow is tried, given up or ended, whoever plays the engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.operations.procedure import (
    FIRST_WAIT,
    LONGEST_WAIT,
    SUPERSEDED,
    Context,
    Payload,
    StepFailed,
    Steps,
    refused,
    settled,
    steady,
    steady_all,
    transient,
    value,
)
from tests.unit.operations.driven import Driven
from tests.unit.operations.world import NOON

RUN = {"mustSettleBy": (NOON + timedelta(minutes=45)).isoformat(), "retrySeconds": 60.0}


def flow(*steps: str) -> Callable[[Context], Steps]:
    def procedure(context: Context) -> Steps:
        return (yield from settled(context, body, "fail"))

    def body(context: Context, run: Payload) -> Steps:
        for step in steps:
            result = yield from steady(context, step, run)
        return result

    return procedure


def test_a_value_goes_on() -> None:
    engine = Driven(RUN).play(flow("one", "two"))
    assert engine.ends("one", value(1)) == [RUN]
    engine.ends("two", value({"x": 2}))
    assert engine.result == {"x": 2}


def test_a_transient_error_is_tried_again_with_growing_pauses() -> None:
    engine = Driven(RUN | {"retrySeconds": 600.0}).play(flow("one"))
    pauses = []
    for _ in range(8):
        before = engine.current_utc_datetime
        engine.ends("one", transient("tables", 0.1))
        pauses.append(engine.fires() - before)
    assert pauses[:4] == [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4, FIRST_WAIT * 8]
    assert max(pauses) == LONGEST_WAIT
    engine.ends("one", value("at last"))
    assert engine.result == "at last"


def test_a_dependency_that_names_its_pause_gets_it() -> None:
    engine = Driven(RUN).play(flow("one"))
    engine.ends("one", transient("arm", 17))
    assert engine.fires() == NOON + timedelta(seconds=17)


def test_the_budget_ends_it_and_names_the_dependency() -> None:
    engine = Driven(RUN).play(flow("one"))
    while engine.current_utc_datetime < NOON + timedelta(seconds=60):
        engine.ends("one", transient("arm", 1))
        engine.fires()
    engine.ends("one", transient("arm", 1))  # the last try is at the very end of the budget
    (payload,) = engine.ends("fail", value(None))
    assert payload["error"] == {"code": "DependencyUnavailable", "message": "arm could not be reached"}
    assert engine.result == "failed"


def test_what_is_refused_is_not_tried_again() -> None:
    engine = Driven(RUN).play(flow("one", "two"))
    engine.ends("one", refused("QuotaExceeded", "no more cores"))
    (payload,) = engine.ends("fail", value(None))
    assert payload == RUN | {"error": {"code": "QuotaExceeded", "message": "no more cores"}}
    assert engine.result == "failed"


def test_a_superseded_run_ends_quietly() -> None:
    engine = Driven(RUN).play(flow("one", "two"))
    engine.ends("one", SUPERSEDED)
    assert engine.result == "superseded"


def test_a_run_that_is_superseded_while_it_fails_ends_quietly_too() -> None:
    engine = Driven(RUN).play(flow("one"))
    engine.ends("one", refused("X", ""))
    engine.ends("fail", SUPERSEDED)
    assert engine.result == "superseded"


def test_failing_is_tried_until_the_deadline() -> None:
    engine = Driven(RUN).play(flow("one"))
    engine.ends("one", refused("X", ""))
    while engine.current_utc_datetime < NOON + timedelta(minutes=44):
        engine.ends("fail", transient("tables", 1))
        engine.fires()
    engine.ends("fail", value(None))
    assert engine.result == "failed"


def test_failing_after_the_deadline_still_has_the_runs_budget() -> None:
    """One hiccup at that moment would leave an operation that nobody ends and a slot that nobody frees."""
    engine = Driven(RUN | {"mustSettleBy": NOON.isoformat()}).play(flow("one"))
    engine.ends("one", refused("DeadlineExceeded", ""))
    engine.ends("fail", transient("tables", 1))
    engine.fires()
    engine.ends("fail", value(None))
    assert engine.result == "failed"


def test_a_failure_that_cannot_be_written_shows_in_the_hub() -> None:
    engine = Driven(RUN).play(flow("one"))
    engine.ends("one", refused("X", ""))
    with pytest.raises(StepFailed) as failed:
        engine.ends("fail", refused("InternalError", "a bug"))
    assert failed.value.code == "InternalError"


def all_of(*payloads: Payload) -> Callable[[Context], Steps]:
    def procedure(context: Context) -> Steps:
        return (yield from steady_all(context, "one", list(payloads)))

    return procedure


def test_of_many_only_those_that_met_a_transient_error_are_tried_again() -> None:
    payloads = [RUN | {"n": n} for n in range(3)]
    engine = Driven(RUN).play(all_of(*payloads))
    assert engine.ends("one", value("a"), transient("arm", 1), value("c")) == payloads
    engine.fires()
    assert engine.ends("one", value("b")) == [payloads[1]]
    assert engine.result == ["a", "b", "c"]


def test_of_many_a_refusal_is_told_when_nothing_is_under_way_any_more() -> None:
    engine = Driven(RUN).play(all_of(RUN, RUN))
    engine.ends("one", refused("X", "first"), transient("arm", 1))
    engine.fires()
    with pytest.raises(StepFailed) as failed:
        engine.ends("one", value("b"))
    assert (failed.value.code, failed.value.message) == ("X", "first")


def test_none_of_none_is_done_at_once() -> None:
    assert Driven(RUN).play(all_of()).result == []
