"""Messages on the one work queue: sweeps by shard, and nudges. The platform's own scale-out is the distributed engine.

A message says what to do, never carries state; losing one costs a tick or a poll. Sweep messages carry their tick and
live only until the next one: what piled up while nobody listened is not caught up on.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from shared.kernel.ids import EnvironmentId, OperationId
from shared.kernel.record import Record


class WorkKind(StrEnum):
    HEALTH = "health"
    DRIFT = "drift"
    UPKEEP = "upkeep"
    SCALING = "scaling"
    NUDGE = "nudge"


class Work(Record):
    kind: WorkKind
    shards: list[int] = []
    tick: datetime | None = None
    tenant_id: str | None = None
    environment_id: EnvironmentId | None = None
    operation_id: OperationId | None = None
    attempt: int | None = None
