"""Golden tests of the two translations: history in, actions out, the real library between them. No sockets, no engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb
import pytest
from azure.durable_functions import Orchestrator
from google.protobuf.json_format import MessageToDict

from localazure.host.configuration import NotEmulated
from localazure.host.durable.history import history_json
from localazure.host.durable.replay import Episode, replay
from localazure.host.indexing import Function

NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
pytestmark = [
    # The library's answers to an event that nobody waits for yet, and to a value without a declared type.
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion"),
    pytest.mark.filterwarnings("ignore:azure.functions df_loads"),
]


def at(event: pb.HistoryEvent, moment: datetime = NOON) -> pb.HistoryEvent:
    event.timestamp.FromDatetime(moment)
    return event


def begun(given: str | None = None) -> list[pb.HistoryEvent]:
    return [
        helpers.new_orchestrator_started_event(NOON),
        at(helpers.new_execution_started_event("flow", "i-1", given)),
    ]


def later(*events: pb.HistoryEvent, seconds: float = 1) -> list[pb.HistoryEvent]:
    return [helpers.new_orchestrator_started_event(NOON + timedelta(seconds=seconds)), *events]


def failed(task: int) -> pb.HistoryEvent:
    return helpers.new_task_failed_event(task, RuntimeError("refused"))


def episode(orchestrator: Callable[..., Any], events: list[pb.HistoryEvent]) -> Episode:
    function = Function(
        "flow", Orchestrator.create(orchestrator), False, {"type": "orchestrationTrigger"}, (), None, False, ""
    )
    return replay(function, "i-1", None, events)


def actions(orchestrator: Callable[..., Any], events: list[pb.HistoryEvent]) -> list[dict[str, Any]]:
    return [MessageToDict(action) for action in episode(orchestrator, events).actions]


def test_history_is_written_as_the_extension_writes_it() -> None:
    due = NOON + timedelta(seconds=5)
    events = [
        *begun('"in"'),
        at(helpers.new_task_scheduled_event(0, "work", "1")),
        at(helpers.new_timer_created_event(1, due)),
        at(helpers.new_sub_orchestration_created_event(2, "sub", "i-1:2", None)),
        at(helpers.new_orchestrator_completed_event()),
        at(helpers.new_task_completed_event(0, "7")),
        at(helpers.new_timer_fired_event(1, due)),
        at(helpers.new_sub_orchestration_completed_event(2, "null")),
        at(helpers.new_event_raised_event("go", '{"a":1}')),
        at(helpers.new_suspend_event(encoded_input="why")),
    ]
    head = {"IsPlayed": False, "Timestamp": "2026-06-11T12:00:00Z"}
    assert history_json(events) == [
        {"EventType": 12, "EventId": -1, **head},
        {"EventType": 0, "EventId": -1, **head, "Name": "flow", "Input": '"in"', "Version": None},
        {"EventType": 4, "EventId": 0, **head, "Name": "work"},
        {"EventType": 10, "EventId": 1, **head, "FireAt": "2026-06-11T12:00:05Z"},
        {"EventType": 7, "EventId": 2, **head, "Name": "sub", "InstanceId": "i-1:2"},
        {"EventType": 13, "EventId": -1, **head},
        {"EventType": 5, "EventId": -1, **head, "TaskScheduledId": 0, "Result": "7"},
        {"EventType": 11, "EventId": -1, **head, "TimerId": 1, "FireAt": "2026-06-11T12:00:05Z"},
        {"EventType": 8, "EventId": -1, **head, "TaskScheduledId": 2, "Result": "null"},
        {"EventType": 15, "EventId": -1, **head, "Name": "go", "Input": '{"a":1}'},
        {"EventType": 19, "EventId": -1, **head, "Reason": "why"},
    ]


def test_failures_carry_reason_and_details() -> None:
    [written] = history_json([at(failed(3))])
    assert (written["EventType"], written["TaskScheduledId"], written["Reason"]) == (6, 3, "refused")


def test_a_timer_of_an_earlier_generation_is_left_out() -> None:
    mine, other = NOON + timedelta(seconds=5), NOON + timedelta(seconds=3)
    events = [helpers.new_timer_created_event(0, mine), helpers.new_timer_fired_event(0, other)]
    assert [one["EventType"] for one in history_json(events)] == [10]


def calls_one(context: df.DurableOrchestrationContext) -> Any:
    result = yield context.call_activity("work", {"n": context.get_input()})
    return result


def test_an_activity_is_scheduled_once_and_its_result_ends_the_orchestration() -> None:
    assert actions(calls_one, begun('"5"')) == [{"scheduleTask": {"name": "work", "input": '{"n": 5}'}}]
    history = [*begun('"5"'), helpers.new_task_scheduled_event(0, "work", None)]
    assert actions(calls_one, history) == [], "the task is known"
    ended = actions(calls_one, [*history, *later(helpers.new_task_completed_event(0, '"done"'))])
    assert [one["completeOrchestration"] for one in ended] == [
        {"orchestrationStatus": "ORCHESTRATION_STATUS_COMPLETED", "result": '"done"'}
    ]


def retries(context: df.DurableOrchestrationContext) -> Any:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=1500, max_number_of_attempts=2)
    return (yield context.call_activity_with_retry("work", options, 1))


def test_a_retry_is_a_timer_and_then_the_activity_again_under_new_ids() -> None:
    history = [*begun(), helpers.new_task_scheduled_event(0, "work", "1"), *later(failed(0))]
    [pause] = actions(retries, history)
    assert pause == {"id": 1, "createTimer": {"fireAt": "2026-06-11T12:00:02.500Z"}}
    due = NOON + timedelta(seconds=2.5)
    history += [helpers.new_timer_created_event(1, due), *later(helpers.new_timer_fired_event(1, due), seconds=2.5)]
    [again] = actions(retries, history)
    assert again == {"id": 2, "scheduleTask": {"name": "work", "input": "1"}}


def test_the_last_attempt_waits_one_timer_more_and_then_fails_as_in_azure() -> None:
    first, second = NOON + timedelta(seconds=2), NOON + timedelta(seconds=5)
    history = [
        *begun(),
        helpers.new_task_scheduled_event(0, "work", "1"),
        *later(failed(0)),
        helpers.new_timer_created_event(1, first),
        *later(helpers.new_timer_fired_event(1, first), seconds=2),
        helpers.new_task_scheduled_event(2, "work", "1"),
        *later(failed(2), seconds=3),
    ]
    assert "createTimer" in actions(retries, history)[0]
    history += [helpers.new_timer_created_event(3, second), *later(helpers.new_timer_fired_event(3, second), seconds=5)]
    [ending] = actions(retries, history)
    details = ending["completeOrchestration"]["failureDetails"]
    assert details["errorMessage"].startswith("Orchestrator function 'flow' failed: refused")


def calls_sub(context: df.DurableOrchestrationContext) -> Any:
    first = context.call_sub_orchestrator("sub", {"a": 1})
    second = context.call_sub_orchestrator("sub", None, "its-own-id")
    return (yield context.task_all([first, second]))


def test_sub_orchestrations_have_ids_of_their_own_or_the_given_one() -> None:
    first, second = (one["createSubOrchestration"] for one in actions(calls_sub, begun()))
    assert first == {"instanceId": "i-1:0000", "name": "sub", "input": '"{\\"a\\": 1}"'}
    assert second["instanceId"] == "its-own-id"


def races(context: df.DurableOrchestrationContext) -> Any:
    event = context.wait_for_external_event("go")
    deadline = context.create_timer(datetime(2026, 6, 11, 13))  # noqa: DTZ001  (naive ones are UTC)
    context.set_custom_status("waiting")
    if (yield context.task_any([event, deadline])) == event:
        deadline.cancel()
        yield context.call_activity("work", event.result)


def test_a_naive_time_is_utc_and_the_custom_status_is_json() -> None:
    first = episode(races, begun())
    assert [MessageToDict(one) for one in first.actions] == [{"createTimer": {"fireAt": "2026-06-11T13:00:00Z"}}]
    assert first.custom_status == '"waiting"'


def test_a_cancelled_timer_is_named_and_the_events_value_goes_on() -> None:
    timer = helpers.new_timer_created_event(0, datetime(2026, 6, 11, 13, tzinfo=UTC))
    second = episode(races, [*begun(), timer, *later(helpers.new_event_raised_event("go", '"yes"'))])
    assert [MessageToDict(one) for one in second.actions] == [{"id": 1, "scheduleTask": {"name": "work", "input": '"yes"'}}]
    assert second.cancelled_timers == {0}


def test_an_event_raised_before_anyone_waits_is_not_lost() -> None:
    def late(context: df.DurableOrchestrationContext) -> Any:
        yield context.call_activity("work", 1)
        return (yield context.wait_for_external_event("go"))

    history = [
        *begun(),
        helpers.new_task_scheduled_event(0, "work", "1"),
        *later(helpers.new_event_raised_event("go", "3"), helpers.new_task_completed_event(0, "null")),
    ]
    assert actions(late, history)[0]["completeOrchestration"]["result"] == "3"


def test_continue_as_new_carries_its_input_and_no_events() -> None:
    def again(context: df.DurableOrchestrationContext) -> Any:
        yield context.wait_for_external_event("go")
        context.continue_as_new({"n": 1})

    events = later(helpers.new_event_raised_event("other", "1"), helpers.new_event_raised_event("go", "1"))
    [ending] = actions(again, [*begun(), *events])
    assert ending["completeOrchestration"] == {
        "orchestrationStatus": "ORCHESTRATION_STATUS_CONTINUED_AS_NEW",
        "result": '"{\\"n\\": 1}"',
    }


def test_an_exception_fails_the_orchestration_with_its_text_and_keeps_the_custom_status() -> None:
    def raises(context: df.DurableOrchestrationContext) -> Any:
        context.set_custom_status("before")
        raise ValueError("broken")
        yield

    result = episode(raises, begun())
    details = MessageToDict(result.actions[0])["completeOrchestration"]["failureDetails"]
    assert (details["errorType"], details["errorMessage"]) == (
        "builtins.ValueError",
        "Orchestrator function 'flow' failed: broken",
    )
    assert result.custom_status == '"before"'


@pytest.mark.parametrize("what", ["signal_entity", "call_entity", "call_http"])
def test_entities_and_durable_http_are_refused(what: str) -> None:
    def refused(context: df.DurableOrchestrationContext) -> Any:
        target = df.EntityId("counter", "one")
        match what:
            case "signal_entity":
                context.signal_entity(target, "add", 1)
                yield context.call_activity("work", 1)
            case "call_entity":
                yield context.task_all([context.call_entity(target, "get")])
            case _:
                yield context.call_http("GET", "http://x")

    with pytest.raises(NotEmulated, match=what):
        episode(refused, begun())


def test_a_timer_left_open_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    def leaves(context: df.DurableOrchestrationContext) -> Any:
        event = context.wait_for_external_event("go")
        yield context.task_any([event, context.create_timer(NOON + timedelta(hours=1))])

    timer = helpers.new_timer_created_event(0, NOON + timedelta(hours=1))
    episode(leaves, [*begun(), timer, *later(helpers.new_event_raised_event("go", "1"))])
    assert "stays Running" in caplog.text
