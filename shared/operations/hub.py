"""The orchestration engine as the platform asks it. The operation row decides; the hub only works.

A hub can lose what it knew: `MISSING` is a state like any other, and the settle sweep answers it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from shared.operations.model import Operation


class InstanceState(StrEnum):
    WORKING = "working"  # running, pending, suspended: it may still have an effect
    ENDED = "ended"  # completed, failed, terminated
    MISSING = "missing"


class Hub(Protocol):
    """Raises `Transient("hub")` when it cannot be asked."""

    async def start(self, operation: Operation) -> None:
        """Begin the orchestration of the operation's current attempt. Starting twice is harmless: the first activity
        claims the attempt on the row, and one of two wins."""

    async def wake(self, instance_id: str) -> None:
        """Tell an orchestration to look at its operation's row now."""

    async def state(self, operation: Operation) -> InstanceState:
        """Of the current attempt's orchestration."""

    async def terminate(self, operation: Operation) -> None:
        """End the current attempt's orchestration without its outcome; activities under way go on to their end."""
