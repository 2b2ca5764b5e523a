"""A typed asynchronous client of the Runtime & Cloud Platform: REST (`Runtime`) and gRPC (`Live`).

generated: the API's shapes, made from its own description · problems: what is raised · transport: one request, with its
retries, idempotency key and ETags · rest: the routes · live: inventory, health as it changes, drift, reports.
"""

from clients.runtime_client.live import Live
from clients.runtime_client.problems import (
    Denied,
    Invalid,
    NotThere,
    OperationFailed,
    OperationInFlight,
    Problem,
    Stale,
    Unavailable,
)
from clients.runtime_client.rest import Runtime
from clients.runtime_client.transport import Begun, Token

__all__ = [
    "Begun",
    "Denied",
    "Invalid",
    "Live",
    "NotThere",
    "OperationFailed",
    "OperationInFlight",
    "Problem",
    "Runtime",
    "Stale",
    "Token",
    "Unavailable",
]
