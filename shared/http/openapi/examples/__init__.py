"""What is sent and what is answered, by a route's action: the contract's own as written (`SEED`), and one of every other.

They tell one story: the environment, the release and the services of the seed. A test holds each to the schema that it
stands beside, and misses none.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.http.openapi.examples.changes import CHANGES, REHEARSED
from shared.http.openapi.examples.internal import INTERNAL
from shared.http.openapi.examples.seed import SEED, Example
from shared.http.openapi.examples.states import STATES

EXAMPLES: Mapping[str, Example] = {**SEED, **CHANGES, **STATES, **INTERNAL}

__all__ = ["EXAMPLES", "REHEARSED", "SEED", "Example"]
