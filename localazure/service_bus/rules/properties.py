"""What a filter can see of a message: its system properties by Service Bus's names, and what the sender added.

Names are compared without case, values as they are. The body is never looked at.
"""

from __future__ import annotations

from typing import Any

from localazure.service_bus.decoding import decode
from localazure.service_bus.message import Message

# Where the AMQP properties section has them.
SYSTEM = {
    "messageid": 0,
    "to": 2,
    "label": 3,
    "subject": 3,
    "replyto": 4,
    "correlationid": 5,
    "contenttype": 6,
    "sessionid": 10,
    "replytosessionid": 12,
}


class Properties:
    def __init__(self, message: Message) -> None:
        self._system = message.properties
        self._user = {_text(name).lower(): wire for name, wire in message.application_properties.items()}

    def system(self, name: str) -> Any:
        """None when the sender did not set it. Raises `KeyError` for a name that Service Bus does not have."""
        at = SYSTEM[name.lower()]
        return _value(self._system[at]) if at < len(self._system) else None

    def user(self, name: str) -> Any:
        wire = self._user.get(name.lower())
        return None if wire is None else _value(decode(wire)[0])


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _value(value: Any) -> Any:
    """As a filter compares it: ids of any type are text."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    return _text(value)
