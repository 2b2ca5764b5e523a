"""How the Durable extension shows instances over HTTP: the status document, the management links, the query parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import durabletask.internal.orchestrator_service_pb2 as pb

STATUS_NAMES: dict[int, str] = {
    pb.ORCHESTRATION_STATUS_RUNNING: "Running",
    pb.ORCHESTRATION_STATUS_COMPLETED: "Completed",
    pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW: "ContinuedAsNew",
    pb.ORCHESTRATION_STATUS_FAILED: "Failed",
    pb.ORCHESTRATION_STATUS_CANCELED: "Canceled",
    pb.ORCHESTRATION_STATUS_TERMINATED: "Terminated",
    pb.ORCHESTRATION_STATUS_PENDING: "Pending",
    pb.ORCHESTRATION_STATUS_SUSPENDED: "Suspended",
}
_STATUS_VALUES = {name.lower(): value for value, name in STATUS_NAMES.items()}
ENDED = frozenset({"Completed", "Failed", "Terminated", "Canceled"})
_SCHEDULED_BY = {"taskCompleted", "taskFailed", "subOrchestrationInstanceCompleted", "subOrchestrationInstanceFailed"}
_SHOWN = {"executionStarted", "executionCompleted", "timerFired", "eventRaised", "executionTerminated"} | _SCHEDULED_BY


@dataclass(frozen=True)
class Links:
    """Where one host's instances are managed: `base` ends in /runtime/webhooks/durabletask, `key` is the system key."""

    base: str
    hub: str
    key: str

    def of(self, instance_id: str) -> dict[str, str]:
        """The management payload of one instance."""
        place = f"{self.base}/instances/{instance_id}"
        query = f"taskHub={self.hub}&connection=Storage&code={quote(self.key)}"
        return {
            "id": instance_id,
            "statusQueryGetUri": f"{place}?{query}",
            "sendEventPostUri": f"{place}/raiseEvent/{{eventName}}?{query}",
            "terminatePostUri": f"{place}/terminate?reason={{text}}&{query}",
            "rewindPostUri": f"{place}/rewind?reason={{text}}&{query}",
            "purgeHistoryDeleteUri": f"{place}?{query}",
            "restartPostUri": f"{place}/restart?{query}",
            "suspendPostUri": f"{place}/suspend?reason={{text}}&{query}",
            "resumePostUri": f"{place}/resume?reason={{text}}&{query}",
        }

    def binding(self, rpc_base: str) -> str:
        """What a durableClient binding receives; the client calls `rpc_base` (ends in /), users get the links."""
        create = f"{self.base}/orchestrators/{{functionName}}[/{{instanceId}}]?code={quote(self.key)}"
        return json.dumps(
            {
                "taskHubName": self.hub,
                "creationUrls": {"createNewInstancePostUri": create, "createAndWaitOnNewInstancePostUri": create},
                "managementUrls": self.of("INSTANCEID"),
                "baseUrl": self.base,
                "requiredQueryStringParameters": f"code={quote(self.key)}",
                "rpcBaseUrl": rpc_base,
            }
        )


def status_document(state: pb.OrchestrationState, *, show_input: bool) -> dict[str, Any]:
    """The status as `GET instances/{id}` answers it."""
    name = STATUS_NAMES[state.orchestrationStatus]
    return {
        "name": state.name,
        "instanceId": state.instanceId,
        "runtimeStatus": name,
        "input": _json(state.input.value) if show_input else None,
        "customStatus": _json(state.customStatus.value),
        "output": _output(state, name),
        "createdTime": state.createdTimestamp.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastUpdatedTime": state.lastUpdatedTimestamp.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _output(state: pb.OrchestrationState, name: str) -> Any:
    if name == "Failed":
        return state.failureDetails.errorMessage
    return state.output.value if name == "Terminated" else _json(state.output.value)


def _json(text: str) -> Any:
    return json.loads(text) if text else None


def history_document(events: Iterable[pb.HistoryEvent], *, show_output: bool) -> list[dict[str, Any]]:
    """`historyEvents`: what ended, with the name and time of what scheduled it, as the extension folds them."""
    scheduled: dict[int, pb.HistoryEvent] = {}
    shown = []
    for event in events:
        kind = event.WhichOneof("eventType") or ""
        if kind in ("taskScheduled", "subOrchestrationInstanceCreated"):
            scheduled[event.eventId] = event
        if kind in _SHOWN:
            shown.append(_shown(event, kind, scheduled, show_output))
    return shown


def _shown(
    event: pb.HistoryEvent, kind: str, scheduled: Mapping[int, pb.HistoryEvent], show_output: bool
) -> dict[str, Any]:
    fields = getattr(event, kind)
    shown: dict[str, Any] = {"EventType": kind[0].upper() + kind[1:], "Timestamp": _moment(event)}
    if kind == "executionStarted":
        shown["FunctionName"] = fields.name
    if kind in ("timerFired", "executionCompleted"):
        shown |= {"FireAt": f"{fields.fireAt.ToDatetime().isoformat()}Z"} if kind == "timerFired" else {}
    if kind == "eventRaised":
        shown["Name"] = fields.name
    if kind in _SCHEDULED_BY and (origin := scheduled.get(fields.taskScheduledId)) is not None:
        source = getattr(origin, origin.WhichOneof("eventType") or "")
        shown |= {"FunctionName": source.name, "ScheduledTime": _moment(origin)}
    if kind.endswith("Failed"):
        shown["Reason"] = fields.failureDetails.errorMessage
    elif kind in _SCHEDULED_BY and show_output:
        shown["Result"] = _json(fields.result.value)
    return shown


def _moment(event: pb.HistoryEvent) -> str:
    return f"{event.timestamp.ToDatetime().isoformat()}Z"


def instance_query(parameters: Mapping[str, str], token: str | None) -> pb.InstanceQuery:
    """The query of `GET instances`. Raises `ValueError` for a status, a time or a number that is none."""
    query = pb.InstanceQuery(fetchInputsAndOutputs=True)
    for name in filter(None, parameters.get("runtimeStatus", "").split(",")):
        if name.lower() not in _STATUS_VALUES:
            raise ValueError(f"unknown runtimeStatus {name!r}")
        query.runtimeStatus.append(_STATUS_VALUES[name.lower()])
    for name in ("createdTimeFrom", "createdTimeTo"):
        if given := parameters.get(name):
            moment = datetime.fromisoformat(given.replace(" ", "+"))
            getattr(query, name).FromDatetime((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC))
    if prefix := parameters.get("instanceIdPrefix"):
        query.instanceIdPrefix.value = prefix
    if top := parameters.get("top"):
        query.maxInstanceCount = int(top)
    if token:
        query.continuationToken.value = token
    return query
