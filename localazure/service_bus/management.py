"""The two request-response nodes: `$cbs`, which takes tokens, and an entity's `$management`.

Operations, fields and status codes are those of Microsoft's "AMQP 1.0 in Azure Service Bus: request-response-based
operations". Any token is taken: on loopback there is nobody to keep out. Rules and sessions are not emulated (501).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from localazure.service_bus.decoding import decode, sections
from localazure.service_bus.encoding import Symbol, array, described, int32, int64, timestamp
from localazure.service_bus.intake import Intake
from localazure.service_bus.message import APPLICATION_PROPERTIES, PROPERTIES, VALUE, Message
from localazure.service_bus.namespace import Node
from localazure.service_bus.queue import Outcome, Queue

_VENDOR = "com.microsoft:"
LOCK_LOST = _VENDOR + "message-lock-lost"
_REPLY_TO, _MESSAGE_ID = 4, 0
_METHODS = {
    Outcome.COMPLETED: "COMPLETE",
    Outcome.ABANDONED: "ABANDON",
    Outcome.DEFERRED: "DEFER",
    Outcome.DEAD_LETTERED: "DEADLETTER",
    Outcome.RELEASED: "RELEASE",
}


class Request(NamedTuple):
    id: Any
    reply_to: str | None
    properties: Mapping[str, Any]
    body: Any

    @classmethod
    def parse(cls, raw: bytes) -> Request:
        parts = {section.code: decode(raw, section.value_at)[0] for section in sections(raw)}
        properties = (parts.get(PROPERTIES, []) + [None] * 5)[:5]
        return cls(properties[_MESSAGE_ID], properties[_REPLY_TO], parts.get(APPLICATION_PROPERTIES, {}), parts.get(VALUE))

    @property
    def operation(self) -> str:
        return str(self.properties.get("operation", ""))


class Answer(NamedTuple):
    """`condition` is set when the operation failed."""

    status: int
    value: Any = None
    condition: str | None = None

    def wire(self, request: Request) -> bytes:
        properties: dict[str, Any] = {"statusCode": int32(self.status), "statusDescription": self.condition or "OK"}
        if self.condition is not None:
            properties["errorCondition"] = Symbol(self.condition)
        return _message(request, properties, self.value)


def _message(request: Request, properties: dict[str, Any], value: Any) -> bytes:
    correlated = described(PROPERTIES, [None, None, None, None, None, request.id])
    return correlated + described(APPLICATION_PROPERTIES, properties) + described(VALUE, value)


def take_token(request: Request) -> bytes:
    """The answer of `$cbs`."""
    taken = request.operation == "put-token" and bool(request.body)
    status, text = (202, "Accepted") if taken else (401, "InvalidToken")
    return _message(request, {"status-code": int32(status), "status-description": text}, None)


def settlement_method(outcome: Outcome) -> str:
    """What a settlement is called in the traffic count."""
    return _METHODS[outcome]


Count = Callable[[str, str, int], None]


class NotAllowed(Exception):
    """The entity has no such side: a topic is not read, a subscription is not sent to."""


def _intake(node: Node) -> Intake:
    if node.intake is None:
        raise NotAllowed
    return node.intake


def _queue(node: Node) -> Queue:
    if node.queue is None:
        raise NotAllowed
    return node.queue


def manage(node: Node, request: Request, count: Count) -> Answer:
    """Carry out one operation on an entity; `count` hears of sends, deliveries and settlements.

    Raises one of `decoding.MALFORMED` when the request's body is not what the operation takes.
    """
    operate = _OPERATIONS.get(request.operation.removeprefix(_VENDOR))
    if operate is None:
        return Answer(501, condition="amqp:not-implemented")
    try:
        return operate(node, request.body, count)
    except NotAllowed:
        return Answer(400, condition="amqp:not-allowed")


def _schedule(node: Node, body: Mapping[str, Any], count: Count) -> Answer:
    messages = [Message.parse(entry["message"]) for entry in body["messages"]]
    numbers = _intake(node).accept(messages)
    for _ in messages:
        count("SEND", node.path, 202)
    return Answer(200, {"sequence-numbers": array([int64(number) for number in numbers])})


def _cancel(node: Node, body: Mapping[str, Any], count: Count) -> Answer:
    cancelled = [_intake(node).cancel(number) for number in body["sequence-numbers"]]
    return Answer(200, {}) if all(cancelled) else Answer(404, condition=_VENDOR + "message-not-found")


def _peek(node: Node, body: Mapping[str, Any], count: Count) -> Answer:
    start, limit = body.get("from-sequence-number", 1), body.get("message-count", 1)
    found = _queue(node).browse(start)
    if node.intake is not None:
        found += [message for number, message in node.intake.scheduled.items() if number >= start]
    found.sort(key=lambda message: message.sequence)
    rows = [{"message": bytes(message.wire())} for message in found[:limit]]
    return Answer(200, {"messages": rows}) if rows else Answer(204)


def _renew(node: Node, body: Mapping[str, Any], count: Count) -> Answer:
    ends = [_queue(node).renew(token) for token in body["lock-tokens"]]
    held = [timestamp(int(until * 1000)) for until in ends if until is not None]
    return Answer(200, {"expirations": array(held)}) if len(held) == len(ends) else Answer(410, condition=LOCK_LOST)


def _settle(node: Node, body: Mapping[str, Any], count: Count) -> Answer:
    outcome = Outcome(body["disposition-status"])
    properties = dict(body.get("properties-to-modify") or {})
    if outcome is Outcome.DEAD_LETTERED:
        properties["DeadLetterReason"] = body.get("deadletter-reason")
        properties["DeadLetterErrorDescription"] = body.get("deadletter-description")
    for token in body["lock-tokens"]:
        settled = _queue(node).settle(token, outcome, properties)
        count(settlement_method(outcome), node.path, 200 if settled else 410)
        if not settled:
            return Answer(410, condition=LOCK_LOST)
    return Answer(200, {})


def _receive(node: Node, body: Mapping[str, Any], count: Count) -> Answer:
    queue = _queue(node)
    found = [queue.deferred(number) for number in body["sequence-numbers"]]
    messages = [message for message in found if message is not None]
    if len(messages) < len(found):
        return Answer(404, condition=_VENDOR + "message-not-found")
    rows = [_handed(queue, message, deletes=body.get("receiver-settle-mode") == 0) for message in messages]
    for _ in rows:
        count("RECEIVE", node.path, 200)
    return Answer(200, {"messages": rows})


def _handed(queue: Queue, message: Message, deletes: bool) -> dict[str, Any]:
    if deletes:
        queue.discard(message)
        token = uuid.uuid4()
    else:
        token = queue.lock(message).token
    return {"message": bytes(message.wire()), "lock-token": token}


_OPERATIONS: Mapping[str, Callable[[Node, Mapping[str, Any], Count], Answer]] = {
    "schedule-message": _schedule,
    "cancel-scheduled-message": _cancel,
    "peek-message": _peek,
    "renew-lock": _renew,
    "update-disposition": _settle,
    "receive-by-sequence-number": _receive,
}
