"""What the topic tells of the end of an environment."""

from __future__ import annotations

from typing import ClassVar

from shared.events.envelope import EventType, Payload
from shared.kernel.ids import EnvironmentId


class EnvironmentDecommissioned(Payload):
    """All of the environment is gone, but for the vault and the logs where data was to be retained."""

    event_type: ClassVar = EventType.ENVIRONMENT_DECOMMISSIONED

    environment_id: EnvironmentId
    name: str
    retained_data: bool
