"""One episode of an orchestrator: history in, actions out, by the real library and two translations. Pure functions.

The backend's protobuf history becomes the JSON that the Durable extension sends to a Python worker; the tasks that the
replay leaves open and the history does not know yet become protobuf actions. Task ids are the library's own sequence
numbers, so retries ("-WithRetry timer", "rescheduled task") and compound tasks line up by construction.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb
from azure.durable_functions import DurableOrchestrationContext, Orchestrator
from azure.durable_functions.models.actions.ActionType import ActionType

from localazure.host.configuration import NotEmulated
from localazure.host.durable.history import history_json
from localazure.host.indexing import Function

log = logging.getLogger("localazure.host.durable")
_FAILED_STATE = "\n\n$OutOfProcData$:"  # how the library appends the state to the text of the exception
_SCHEDULING = ("taskScheduled", "timerCreated", "subOrchestrationInstanceCreated")
_NOT_EMULATED = {ActionType.CALL_ENTITY, ActionType.SIGNAL_ENTITY, ActionType.CALL_HTTP}


@dataclass(frozen=True)
class Episode:
    """What an episode decided: new actions, the custom status as JSON text, timers that nobody waits for any more."""

    actions: list[pb.OrchestratorAction]
    custom_status: str | None
    cancelled_timers: frozenset[int]


def text(value: str | None) -> Any:
    """An optional string as protobuf wraps it."""
    return helpers.get_string_value(value)


def replay(function: Function, instance_id: str, parent: str | None, events: Sequence[pb.HistoryEvent]) -> Episode:
    """Run `function` over `events` (past and new). An exception of the orchestrator ends it as failed; others are raised.

    Raises `NotEmulated` for entities and `call_http`.
    """
    context = _context(function, instance_id, parent, events)
    error: Exception | None = None
    try:
        state = json.loads(Orchestrator(function.call.orchestrator_function).handle(context))  # type: ignore[attr-defined]
    except Exception as raised:  # the library raises one type for everything: the state in its text tells them apart
        _, label, document = str(raised).partition(_FAILED_STATE)
        if not label:
            raise
        state, error = json.loads(document), raised
    actions = [action for group in state["actions"] for action in group]
    _refuse(function, actions)
    open_tasks = {key: task for key, task in context.open_tasks.items() if isinstance(key, int)}
    ending = _ending(function, state, actions, error)
    new = [] if ending else _new_actions(open_tasks, events, context.current_utc_datetime, instance_id)
    if ending and ending.completeOrchestration.orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED:
        _warn_of_open_timers(function, open_tasks)
    status = state.get("customStatus")
    return Episode(
        [*new, ending] if ending else new,
        None if status is None else json.dumps(status),
        frozenset(key for key, task in open_tasks.items() if getattr(task, "is_cancelled", False)),
    )


def _context(
    function: Function, instance_id: str, parent: str | None, events: Sequence[pb.HistoryEvent]
) -> DurableOrchestrationContext:
    started = next(event.executionStarted for event in events if event.HasField("executionStarted"))
    body = {
        "history": history_json(events),
        "input": json.loads(started.input.value) if started.input.value else None,
        "instanceId": instance_id,
        "isReplaying": False,
        "parentInstanceId": parent,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
    }
    context = DurableOrchestrationContext.from_json(json.dumps(body))
    context._input_expected_type = getattr(function.call, "_df_input_type", None)
    return context


def _refuse(function: Function, actions: Iterable[dict[str, Any]]) -> None:
    for action in _flat(actions):
        if action.get("actionType") in _NOT_EMULATED:
            raise NotEmulated(f"{function.name}: {ActionType(action['actionType']).name.lower()} in an orchestration")


def _flat(actions: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for action in actions:
        yield action
        yield from _flat(action.get("compoundActions", ()))


def _ending(
    function: Function, state: dict[str, Any], actions: Iterable[dict[str, Any]], error: Exception | None
) -> pb.OrchestratorAction | None:
    if error is not None:
        details = helpers.new_failure_details(error.__cause__ if isinstance(error.__cause__, Exception) else error)
        details.errorMessage = f"Orchestrator function '{function.name}' failed: {state.get('error')}"
        return helpers.new_complete_orchestration_action(-1, pb.ORCHESTRATION_STATUS_FAILED, None, details)
    if not state["isDone"]:
        return None
    again = next((action for action in actions if action.get("actionType") == ActionType.CONTINUE_AS_NEW), None)
    if again is None:
        return helpers.new_complete_orchestration_action(
            -1, pb.ORCHESTRATION_STATUS_COMPLETED, json.dumps(state.get("output"))
        )
    # The extension calls ContinueAsNew(input) without preserveUnprocessedEvents: nothing is carried over.
    return helpers.new_complete_orchestration_action(
        -1, pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW, json.dumps(again["input"])
    )


def _warn_of_open_timers(function: Function, open_tasks: dict[int, Any]) -> None:
    waiting = [task for task in open_tasks.values() if hasattr(task, "is_cancelled") and not task.is_cancelled]
    if waiting:
        log.warning(
            "%s returned with %d open timer(s): in Azure it stays Running until they fire", function.name, len(waiting)
        )


def _new_actions(
    open_tasks: dict[int, Any], events: Iterable[pb.HistoryEvent], now: datetime, instance_id: str
) -> list[pb.OrchestratorAction]:
    known = {event.eventId for event in events if event.WhichOneof("eventType") in _SCHEDULING}
    return [_action(key, open_tasks[key], now, instance_id) for key in sorted(open_tasks.keys() - known)]


def _action(key: int, task: Any, now: datetime, instance_id: str) -> pb.OrchestratorAction:
    action, retried = task.action_repr, task.parent
    if type(action).__name__ == "NoOpAction":  # of a task with retries: the pause, or the next attempt
        if "timer" in action.metadata:
            pause = retried.retry_options.first_retry_interval_in_milliseconds
            return _timer(key, now + timedelta(milliseconds=pause))
        action = retried.actions
    fields = action.to_json()
    match action.action_type:
        case ActionType.CALL_ACTIVITY | ActionType.CALL_ACTIVITY_WITH_RETRY:
            schedule = pb.ScheduleTaskAction(name=fields["functionName"], input=text(fields.get("input")))
            return pb.OrchestratorAction(id=key, scheduleTask=schedule)
        case ActionType.CALL_SUB_ORCHESTRATOR | ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY:
            create = pb.CreateSubOrchestrationAction(
                name=fields["functionName"],
                instanceId=fields.get("instanceId") or f"{instance_id}:{key:04x}",
                input=text(json.dumps(fields.get("input"))),
                version=text(fields.get("version")),
            )
            return pb.OrchestratorAction(id=key, createSubOrchestration=create)
        case ActionType.CREATE_TIMER:
            return _timer(key, action.fire_at)
    raise NotEmulated(f"action {type(action).__name__} in an orchestration")


def _timer(key: int, fire_at: datetime) -> pb.OrchestratorAction:
    moment = fire_at if fire_at.tzinfo else fire_at.replace(tzinfo=UTC)
    return pb.OrchestratorAction(id=key, createTimer=pb.CreateTimerAction(fireAt=helpers.new_timestamp(moment)))
