"""A binding names secrets; it never holds one. `Bound` means that an enabled version was seen in the vault's list."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.runtime.environments.model import Name, TenantId

_VAULT = re.compile(r"https://[a-z][a-z0-9-]{1,22}[a-z0-9]\.vault\.azure\.net/?")


def _vault(uri: str) -> str:
    """Key Vault's own rule for names; anything else would let the platform's identity be sent elsewhere."""
    if not _VAULT.fullmatch(uri):
        raise ValueError("a vault is https://<name>.vault.azure.net")
    return uri.rstrip("/")


VaultUri = Annotated[str, AfterValidator(_vault)]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,126}$")]


class BoundSecret(Record):
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,126}$")]
    secret_name: SecretName
    version: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None


class Rotation(Record):
    every_days: int = Field(ge=1, le=3650)
    overlap_minutes: int = Field(ge=0, le=10080)


class BindRequest(Record):
    """POST /secret-bindings."""

    tenant_id: TenantId
    environment_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    service_id: Name
    vault_uri: VaultUri
    secrets: list[BoundSecret] = Field(min_length=1, max_length=50)
    rotation: Rotation | None = None


class BindingStatus(StrEnum):
    BOUND = "Bound"
    ROTATING = "Rotating"


class Bound(Record):
    """What POST /secret-bindings answers."""

    secret_binding_id: str
    status: BindingStatus = BindingStatus.BOUND
    trace_id: str


class SecretBinding(Bound):
    tenant_id: str
    environment_id: EnvironmentId
    service_id: str
    vault_uri: str
    secrets: list[BoundSecret]  # with the version that consumers use
    rotation: Rotation | None = None
    bound_by: str
    created_at: datetime

    def secret(self, name: str) -> BoundSecret | None:
        return next((secret for secret in self.secrets if secret.name == name), None)
