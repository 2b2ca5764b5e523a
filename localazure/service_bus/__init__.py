"""A Service Bus namespace on loopback: AMQP 1.0 for the real azure-servicebus client, messages kept on disk.

Not emulated: message sessions, transactions, changing subscription rules while it runs (`amqp:not-implemented`), the HTTP
administration API, auto-forwarding, partitioned entities, AMQP over WebSocket, size quotas of entities. Any token is taken.
"""

from localazure.service_bus.broker import Broker, connection_string
from localazure.service_bus.entities import RUNTIME, Entities, QueueSpec, Subscription, TopicSpec
from localazure.service_bus.rules import CorrelationFilter, SqlFilter

__all__ = [
    "RUNTIME",
    "Broker",
    "CorrelationFilter",
    "Entities",
    "QueueSpec",
    "SqlFilter",
    "Subscription",
    "TopicSpec",
    "connection_string",
]
