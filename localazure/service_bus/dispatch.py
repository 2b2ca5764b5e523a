"""Which part of the broker a performative on a session is for.

A performative that has no business on a session raises, which ends the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localazure.service_bus.attaching import attach
from localazure.service_bus.performatives import Attach, Code, Detach, Disposition, Flow, Frame, Transfer, read
from localazure.service_bus.receiving import transfer
from localazure.service_bus.session import Session
from localazure.service_bus.settlement import settle

_HANDLERS: Mapping[int, Callable[[Session, list[Any], bytes], None]] = {
    Code.ATTACH: lambda session, fields, _: attach(session, read(Attach, fields)),
    Code.FLOW: lambda session, fields, _: session.flow(read(Flow, fields)),
    Code.TRANSFER: lambda session, fields, payload: transfer(session, read(Transfer, fields), payload),
    Code.DISPOSITION: lambda session, fields, _: settle(session, read(Disposition, fields)),
    Code.DETACH: lambda session, fields, _: session.detach(read(Detach, fields)),
}


def dispatch(session: Session, received: Frame) -> None:
    """Act on a frame. Raises `ValueError` on a performative that sessions do not take."""
    handler = _HANDLERS.get(received.code)
    if handler is None:
        raise ValueError(f"performative {received.code:#x} in a session")
    handler(session, received.fields, received.payload)
