"""A correlation filter: every property it names has to be equal, letter by letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localazure.service_bus.message import Message
from localazure.service_bus.rules.properties import Properties


@dataclass(frozen=True)
class CorrelationFilter:
    """Fields as those of `azure.servicebus.management.CorrelationRuleFilter`; `label` is the message's subject."""

    correlation_id: str | None = None
    message_id: str | None = None
    to: str | None = None
    reply_to: str | None = None
    label: str | None = None
    session_id: str | None = None
    reply_to_session_id: str | None = None
    content_type: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, message: Message) -> bool:
        seen = Properties(message)
        system = {
            "correlationId": self.correlation_id,
            "messageId": self.message_id,
            "to": self.to,
            "replyTo": self.reply_to,
            "label": self.label,
            "sessionId": self.session_id,
            "replyToSessionId": self.reply_to_session_id,
            "contentType": self.content_type,
        }
        wanted = [(seen.system(name), value) for name, value in system.items() if value is not None]
        wanted += [(seen.user(name), value) for name, value in self.properties.items()]
        return all(type(found) is type(value) and found == value for found, value in wanted)
