"""What a consumer's disposition means, and the outcome that answers it.

The client wants its own outcome back, settled: modified for abandon and defer, rejected without an error for a dead letter.
Anything else, above all rejected with an error, it raises (azure-servicebus 7.15, `check_disposition_outcome`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from localazure.service_bus.encoding import Described, Encoded, described, uint
from localazure.service_bus.management import LOCK_LOST, settlement_method
from localazure.service_bus.performatives import (
    ACCEPTED,
    INTERNAL_ERROR,
    MODIFIED,
    REJECTED,
    RELEASED,
    UNABLE,
    Code,
    Disposition,
    error,
)
from localazure.service_bus.queue import Outcome, Queue
from localazure.service_bus.session import Session


class Verdict(NamedTuple):
    outcome: Outcome
    echo: Encoded
    properties: Mapping[str, Any]


def verdict(state: Described | None) -> Verdict | None:
    """A delivery state as an outcome; None when it ends nothing (`received`)."""
    code, fields = (ACCEPTED, []) if state is None else (int(state.descriptor), list(state.value or []))
    if code == ACCEPTED:
        return Verdict(Outcome.COMPLETED, described(ACCEPTED, []), {})
    if code == RELEASED:
        return Verdict(Outcome.RELEASED, described(RELEASED, []), {})
    if code == MODIFIED:
        failed, undeliverable, annotations = (fields + [None] * 3)[:3]
        outcome = Outcome.DEFERRED if undeliverable else Outcome.ABANDONED
        return Verdict(outcome, described(MODIFIED, [bool(failed), bool(undeliverable)]), _texts(annotations))
    if code == REJECTED:
        details = (list(fields[0].value) + [None] * 3)[2] if fields and fields[0] else None
        return Verdict(Outcome.DEAD_LETTERED, described(REJECTED, []), _texts(details))
    return None


def _texts(properties: Mapping[Any, Any] | None) -> dict[str, Any]:
    return {str(key): value for key, value in (properties or {}).items()}


def settle(session: Session, disposition: Disposition) -> None:
    """Settle the deliveries of a range; those the session no longer knows are skipped."""
    decided = verdict(disposition.state)
    if not disposition.role or decided is None:
        return
    last = disposition.first if disposition.last is None else disposition.last
    if last - disposition.first > len(session.unsettled):
        known = sorted(delivery for delivery in session.unsettled if disposition.first <= delivery <= last)
    else:
        known = [delivery for delivery in range(disposition.first, last + 1) if delivery in session.unsettled]
    for delivery in known:
        reader, token = session.unsettled.pop(delivery)
        echo = _settled(session, reader.queue, token, decided)
        if disposition.settled:
            continue
        if session.struck("ackLost"):
            session.force_detach(reader)
        else:
            session.answer(_sending(session, delivery, echo))


def _settled(session: Session, queue: Queue, token: uuid.UUID, decided: Verdict) -> Encoded:
    method = settlement_method(decided.outcome)
    if session.struck("error"):
        session.oversight.traffic(method, queue.name, 500)
        return described(REJECTED, [error(INTERNAL_ERROR, UNABLE)])
    if not queue.settle(token, decided.outcome, decided.properties):
        session.oversight.traffic(method, queue.name, 410)
        return described(REJECTED, [error(LOCK_LOST, "The lock supplied is invalid.")])
    session.oversight.traffic(method, queue.name, 200)
    return decided.echo


def _sending(session: Session, delivery: int, echo: Encoded) -> Any:
    return lambda: session.send(Code.DISPOSITION, [False, uint(delivery), None, True, echo])
