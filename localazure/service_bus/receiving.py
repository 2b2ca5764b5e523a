"""What becomes of a message that arrives: an entity takes it in, or it is a request that is answered.

It arrives in as many transfers as it takes. A sender is answered after the journal has its message; a request is accepted
first and answered on the reply link.
"""

from __future__ import annotations

import logging

from localazure.service_bus.decoding import MALFORMED
from localazure.service_bus.encoding import Encoded, described, uint
from localazure.service_bus.links import Delivery, Producer, Replies
from localazure.service_bus.management import Answer, Request, manage, take_token
from localazure.service_bus.message import unbatched
from localazure.service_bus.namespace import Node
from localazure.service_bus.performatives import (
    ACCEPTED,
    INTERNAL_ERROR,
    MAX_MESSAGE,
    REJECTED,
    UNABLE,
    Code,
    Transfer,
    error,
)
from localazure.service_bus.session import Session

SERVER_BUSY = "com.microsoft:server-busy"
_log = logging.getLogger(__name__)


def transfer(session: Session, transferred: Transfer, payload: bytes) -> None:
    """Take a part of a message; its last part makes the message do what it is for."""
    session.transfer_arrived()
    link = session.links.get(transferred.handle)
    if not isinstance(link, Producer):
        return
    if link.partial is None:
        link.partial = Delivery(transferred.delivery_id or 0, transferred.message_format, bool(transferred.settled))
    if len(link.partial.payload) <= MAX_MESSAGE:
        link.partial.payload += payload
    if transferred.more:
        return
    delivery, link.partial = link.partial, None
    link.delivery_count += 1
    link.credit -= 1
    _arrived(session, link, delivery)
    session.renew_credit(link)


def _arrived(session: Session, link: Producer, delivery: Delivery) -> None:
    if link.node is None or link.management:
        _acknowledge(session, delivery, described(ACCEPTED, []))
        _respond(session, link, bytes(delivery.payload))
        return
    state = _take_in(session, link.node, delivery)
    if not delivery.settled and session.struck("ackLost"):
        session.force_detach(link)
    else:
        session.answer(lambda: _acknowledge(session, delivery, state))


def _acknowledge(session: Session, delivery: Delivery, state: Encoded) -> None:
    if not delivery.settled:
        session.send(Code.DISPOSITION, [True, uint(delivery.id), None, True, state])


def _take_in(session: Session, node: Node, delivery: Delivery) -> Encoded:
    """Give a message, or the messages of a batch, to an entity; the outcome to answer with."""
    if node.intake is None:
        raise ValueError("a producer's entity takes messages, or its link was refused")
    if session.struck("error"):
        return _refuse(session, node, 500, INTERNAL_ERROR, UNABLE)
    if session.struck("throttle"):
        return _refuse(session, node, 503, SERVER_BUSY, "The request was terminated because the entity is being throttled.")
    if len(delivery.payload) > MAX_MESSAGE:
        return _refuse(session, node, 413, "amqp:link:message-size-exceeded", f"More than {MAX_MESSAGE} bytes.")
    try:
        messages = unbatched(bytes(delivery.payload), delivery.message_format)
    except MALFORMED as malformed:
        return _refuse(session, node, 400, "amqp:decode-error", str(malformed))
    node.intake.accept(messages)
    for _ in messages:
        session.oversight.traffic("SEND", node.path, 202)
    return described(ACCEPTED, [])


def _refuse(session: Session, node: Node, status: int, condition: str, description: str) -> Encoded:
    session.oversight.traffic("SEND", node.path, status)
    return described(REJECTED, [error(condition, description)])


def _respond(session: Session, link: Producer, raw: bytes) -> None:
    request = Request.parse(raw)
    payload = take_token(request) if link.node is None else _managed(session, link.node, request).wire(request)
    session.answer(lambda: _reply(session, link.path, request, payload))


def _managed(session: Session, node: Node, request: Request) -> Answer:
    if session.struck("error"):
        session.oversight.traffic("MANAGE", node.path, 500)
        return Answer(500, condition=INTERNAL_ERROR)
    if session.struck("throttle"):
        session.oversight.traffic("MANAGE", node.path, 503)
        return Answer(503, condition=SERVER_BUSY)
    try:
        return manage(node, request, session.oversight.traffic)
    except MALFORMED as malformed:
        _log.warning("%s on %s: %r", request.operation, node.path, malformed)
        return Answer(400, condition="com.microsoft:argument-error")


def _reply(session: Session, path: str, request: Request, payload: bytes) -> None:
    able = [link for link in session.links.values() if isinstance(link, Replies) and link.path == path and link.credit > 0]
    named = [link for link in able if link.target == request.reply_to]
    for link in (named or able)[:1]:
        link.reply(payload)
