"""The RuntimeTenantBinding: the platform's own word that a tenant may act in an environment.

It has a life of its own beside the environment's status. Only `Active` lets a mutation through.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record


class BindingStatus(StrEnum):
    PENDING = "Pending"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"


class TenantBinding(Record):
    tenant_id: str
    environment_id: EnvironmentId
    status: BindingStatus
    changed_at: datetime
    changed_by: str
    allowed_vaults: tuple[str, ...] | None = None  # vaultUris beside the environment's own that secrets may be bound from
