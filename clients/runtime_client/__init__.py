"""A typed asynchronous client of the Runtime & Cloud Platform: REST (`Runtime`) and gRPC (`Live`).

generated: the API's shapes, made from its own description, and the messages of runtime.proto (`messages`) · problems: what
is raised · transport: one request, with its retries, idempotency key and ETags · rest: the routes · live: inventory, health
as it changes, drift, reports.

It is one package, whether it is installed or used where it stands: it names its own modules relatively.
"""

from .generated.connectsoft.factory.runtime.v1 import runtime_pb2 as messages
from .live import Live
from .problems import (
    Conflict,
    Denied,
    Invalid,
    NotThere,
    OperationFailed,
    OperationInFlight,
    Problem,
    Stale,
    Unavailable,
)
from .rest import Runtime
from .transport import Begun, Token

__all__ = [
    "Begun",
    "Conflict",
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
    "messages",
]
