"""What the topic tells of the inventory."""

from __future__ import annotations

from typing import ClassVar

from shared.events.envelope import EventType, Payload
from shared.kernel.ids import EnvironmentId


class InventoryUpdated(Payload):
    """Services or what is known of them changed: who wants the rows reads them."""

    event_type: ClassVar = EventType.INVENTORY_UPDATED

    environment_id: EnvironmentId
    generation: int  # counts the operations of the environment
