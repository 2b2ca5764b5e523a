"""What the topic tells of drift: the finding as GET /drift shows it."""

from __future__ import annotations

from typing import ClassVar, Self

from shared.events.envelope import EventType, Payload
from shared.runtime.drift.model import Finding


class DriftDetected(Finding, Payload):
    """Something is not as it is wanted: a new finding, or one that is back."""

    event_type: ClassVar = EventType.DRIFT_DETECTED

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls(**finding.model_dump())
