"""What the topic tells of secrets: names and versions, never a value."""

from __future__ import annotations

from typing import ClassVar

from shared.events.envelope import EventType, Payload
from shared.kernel.ids import EnvironmentId


class SecretRotated(Payload):
    """Every consumer of the binding uses the new version."""

    event_type: ClassVar = EventType.SECRET_ROTATED

    secret_binding_id: str
    environment_id: EnvironmentId
    service_id: str
    name: str  # as the binding calls the secret
    secret_name: str  # as the vault does
    previous_version: str
    version: str


class SecretRotationRequested(Payload):
    """The vault has no newer version to roll to: its owner is asked to make one."""

    event_type: ClassVar = EventType.SECRET_ROTATION_REQUESTED

    secret_binding_id: str
    environment_id: EnvironmentId
    service_id: str
    vault_uri: str
    name: str
    secret_name: str
    version: str  # that is in use
