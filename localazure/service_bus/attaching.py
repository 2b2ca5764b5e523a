"""Opening links: which node an address means, and what becomes of the link.

A refused link is attached with a null terminus on our side and then detached with the error; a bare detach would reach the
client as a connection error.
"""

from __future__ import annotations

from typing import Any

from localazure.service_bus.encoding import Described, Encoded, described, ubyte, uint, ulong
from localazure.service_bus.links import Producer, Reader, Replies
from localazure.service_bus.namespace import Node, path_of
from localazure.service_bus.performatives import INTERNAL_ERROR, MAX_MESSAGE, UNABLE, Attach, Code, address, error
from localazure.service_bus.session import Session

_SOURCE, _TARGET = 0x28, 0x29
_FILTER = 7  # field of a source
_SETTLED = 1  # snd-settle-mode of a receive-and-delete link
_MANAGEMENT, CBS = "/$management", "$cbs"


class Refused(Exception):
    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition, self.description = condition, description


def attach(session: Session, request: Attach) -> None:
    """Open a link, or refuse it with the condition the real service would name."""
    peer_sends = not request.role
    try:
        link = _link(session, request, path_of(address(request.target if peer_sends else request.source)))
    except Refused as refused:
        _send_attach(session, request, refused=True)
        session.send(Code.DETACH, [uint(request.handle), True, error(refused.condition, refused.description)])
        return
    _send_attach(session, request, refused=False)
    session.links[request.handle] = link
    if isinstance(link, Producer):
        session.send_flow(link)
    elif isinstance(link, Reader):
        link.queue.consumers.append(link)


def _link(session: Session, request: Attach, path: str) -> Producer | Reader | Replies:
    node, management = _node(session, path)
    if not request.role:
        if node is not None and not management and node.intake is None:
            raise Refused("amqp:not-allowed", f"'{path}' takes no messages from senders.")
        return Producer(path, request.handle, node, management, request.initial_delivery_count or 0)
    if node is None or management:
        return Replies(session, request.handle, path, address(request.target))
    if node.queue is None:
        raise Refused("amqp:not-allowed", f"'{path}' is a topic; receive from one of its subscriptions.")
    if _asks_for_session(request.source):
        raise Refused("amqp:not-implemented", "Message sessions are not emulated.")
    return Reader(session, request.handle, node.queue, deletes=request.snd_settle_mode == _SETTLED)


def _node(session: Session, path: str) -> tuple[Node | None, bool]:
    """The node of a path (None for `$cbs`) and whether it is about managing it."""
    if path.lower() == CBS:
        return None, False
    if session.struck("error"):
        session.oversight.traffic("ATTACH", path, 500)
        raise Refused(INTERNAL_ERROR, UNABLE)
    management = path.lower().endswith(_MANAGEMENT)
    node = session.namespace.find(path[: -len(_MANAGEMENT)] if management else path)
    if node is None:
        raise Refused("amqp:not-found", f"The messaging entity '{path}' could not be found.")
    return node, management


def _asks_for_session(source: Described | None) -> bool:
    fields = source.value if source else []
    filters = fields[_FILTER] if len(fields) > _FILTER else None
    return any("session-filter" in str(name) for name in filters or {})


def _terminus(code: int, asked: Described | None) -> Encoded | None:
    if asked is None:
        return None
    fields: list[Any] = [*asked.value, None, None][:2]
    return described(code, [fields[0], uint(fields[1] or 0)])


def _send_attach(session: Session, request: Attach, *, refused: bool) -> None:
    peer_sends = not request.role
    source = None if refused and not peer_sends else _terminus(_SOURCE, request.source)
    target = None if refused and peer_sends else _terminus(_TARGET, request.target)
    sender_mode = None if request.snd_settle_mode is None else ubyte(request.snd_settle_mode)
    session.send(
        Code.ATTACH,
        [
            request.name,
            uint(request.handle),
            peer_sends,
            sender_mode,
            ubyte(request.rcv_settle_mode or 0),
            source,
            target,
            None,
            None,
            None if peer_sends else uint(0),
            ulong(MAX_MESSAGE),
            None,
            None,
            {},
        ],
    )
