"""The backend's protobuf history as the JSON that the Durable extension sends to a Python worker. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from azure.durable_functions.models.history import HistoryEventType


def history_json(events: Iterable[pb.HistoryEvent]) -> list[dict[str, Any]]:
    """The history as the extension's out-of-process protocol writes it; events it does not know are left out."""
    due: dict[int, Any] = {}
    written = []
    for event in events:
        kind = event.WhichOneof("eventType") or ""
        if kind == "timerCreated":
            due[event.eventId] = event.timerCreated.fireAt
        if kind == "timerFired" and due.get(event.timerFired.timerId) != event.timerFired.fireAt:
            continue  # of a generation before continue-as-new
        found = _TRANSLATIONS.get(kind)
        if found is not None:
            head = {"EventId": event.eventId, "IsPlayed": False, "Timestamp": _iso(event.timestamp)}
            written.append({"EventType": int(found[0]), **head, **found[1](getattr(event, kind))})
    return written


def _iso(moment: Any) -> str:
    return f"{moment.ToDatetime().isoformat()}Z"


def _failure(event: Any) -> dict[str, Any]:
    details = event.failureDetails
    return {
        "TaskScheduledId": event.taskScheduledId,
        "Reason": details.errorMessage,
        "Details": details.stackTrace.value,
    }


def _success(event: Any) -> dict[str, Any]:
    return {"TaskScheduledId": event.taskScheduledId, "Result": event.result.value if event.HasField("result") else None}


_E = HistoryEventType
_TRANSLATIONS: dict[str, tuple[HistoryEventType, Any]] = {
    "orchestratorStarted": (_E.ORCHESTRATOR_STARTED, lambda e: {}),
    "orchestratorCompleted": (_E.ORCHESTRATOR_COMPLETED, lambda e: {}),
    "executionStarted": (
        _E.EXECUTION_STARTED,
        lambda e: {"Name": e.name, "Input": e.input.value, "Version": e.version.value or None},
    ),
    "executionSuspended": (_E.EXECUTION_SUSPENDED, lambda e: {"Reason": e.input.value}),
    "executionResumed": (_E.EXECUTION_RESUMED, lambda e: {"Reason": e.input.value}),
    "taskScheduled": (_E.TASK_SCHEDULED, lambda e: {"Name": e.name}),
    "taskCompleted": (_E.TASK_COMPLETED, _success),
    "taskFailed": (_E.TASK_FAILED, _failure),
    "subOrchestrationInstanceCreated": (
        _E.SUB_ORCHESTRATION_INSTANCE_CREATED,
        lambda e: {"Name": e.name, "InstanceId": e.instanceId},
    ),
    "subOrchestrationInstanceCompleted": (_E.SUB_ORCHESTRATION_INSTANCE_COMPLETED, _success),
    "subOrchestrationInstanceFailed": (_E.SUB_ORCHESTRATION_INSTANCE_FAILED, _failure),
    "timerCreated": (_E.TIMER_CREATED, lambda e: {"FireAt": _iso(e.fireAt)}),
    "timerFired": (_E.TIMER_FIRED, lambda e: {"TimerId": e.timerId, "FireAt": _iso(e.fireAt)}),
    "eventRaised": (
        _E.EVENT_RAISED,
        lambda e: {"Name": e.name, "Input": e.input.value if e.HasField("input") else "null"},
    ),
}
