"""A binding names secrets; it never holds one. `Bound` means that an enabled version was seen in the vault's list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from shared.kernel.ids import EnvironmentId, OperationId
from shared.kernel.record import Record
from shared.runtime.environments.model import Name, TenantId
from shared.runtime.secrets.transitions import TRANSITIONS, BindingStatus, Transition

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


class Turn(Record):
    """A binding's part in a rotation that is under way."""

    operation_id: OperationId
    names: list[str]  # the secrets that are to get a newer version
    versions: dict[str, str] = {}  # name -> the version that was found, from when the roll is planned


class Outgoing(Record):
    """A version that nobody is to use any more, and when the vault is told so."""

    secret_name: str
    version: str
    disable_at: datetime


OVERLAP = timedelta(hours=1)  # where the binding says nothing of rotation
RESTS_FOR = timedelta(hours=1)  # after a rotation that failed, before the platform tries again by itself


class Bound(Record):
    """What POST /secret-bindings answers."""

    secret_binding_id: str
    status: BindingStatus = BindingStatus.BOUND
    trace_id: str


class BindingReport(Bound):
    """What is shown of the row."""

    tenant_id: str
    environment_id: EnvironmentId
    service_id: str
    vault_uri: str
    secrets: list[BoundSecret]  # with the version that consumers use
    rotation: Rotation | None = None
    bound_by: str
    created_at: datetime
    rotated: dict[str, datetime] = {}  # name -> since when its version is used, where that is not since it was bound
    requested: dict[str, datetime] = {}  # name -> when its owner was asked for a newer version that has not come yet
    outgoing: list[Outgoing] = []


class Consumer(Record):
    """A service that runs with a secret of the binding, as of the last promotion."""

    service_id: str
    name: str
    version: str


class BindingState(BindingReport):
    """The report with who runs with what."""

    active_operation_id: OperationId | None = None  # the rotation that it takes part in
    consumers: list[Consumer]
    consumers_on_old_version: int


class SecretBinding(BindingReport):
    """The row. What is not in the report is the platform's own."""

    turn: Turn | None = None
    failed_at: datetime | None = None  # when the last rotation ended without success

    def secret(self, name: str) -> BoundSecret | None:
        return next((secret for secret in self.secrets if secret.name == name), None)

    def due_at(self, name: str) -> datetime | None:
        """When the secret's version has been used for long enough; None where nobody said how long that is."""
        if self.rotation is None:
            return None
        return self.rotated.get(name, self.created_at) + timedelta(days=self.rotation.every_days)

    def age(self, now: datetime) -> timedelta:
        """How long the version that it has used for longest is in use."""
        return now - min((self.rotated.get(secret.name, self.created_at) for secret in self.secrets), default=now)

    def wanted(self, now: datetime) -> list[str]:
        """The secrets that are to get a newer version by now, in the platform's own opinion."""
        if self.turn is not None:
            return []
        due = {secret.name: self.due_at(secret.name) for secret in self.secrets}
        return [name for name, at in due.items() if name in self.requested or (at is not None and at <= now)]

    @property
    def overlap(self) -> timedelta:
        """How long a version that was replaced stays enabled."""
        return timedelta(minutes=self.rotation.overlap_minutes) if self.rotation else OVERLAP

    @property
    def found_versions(self) -> dict[str, str]:
        """What its rotation brings: name -> version."""
        return self.turn.versions if self.turn else {}

    @property
    def rests_until(self) -> datetime | None:
        return self.failed_at + RESTS_FOR if self.failed_at else None

    def taking_turn(self, operation_id: OperationId, names: list[str]) -> SecretBinding:
        """In a rotation that has begun, or in which it takes part with more of its secrets. Raises `TransitionRefused`."""
        TRANSITIONS.require(Transition.ROTATE, self.status, BindingStatus.ROTATING)
        standing = self.turn.names if self.turn else []
        turn = Turn(operation_id=operation_id, names=sorted({*standing, *names}))
        return self.model_copy(update={"status": BindingStatus.ROTATING, "turn": turn})

    def found(self, versions: Mapping[str, str]) -> SecretBinding:
        """With the versions that are to be rolled out."""
        assert self.turn is not None  # noqa: S101 - of a binding that takes part
        return self.model_copy(update={"turn": self.turn.model_copy(update={"versions": dict(versions)})})

    def asked_for(self, names: list[str], now: datetime) -> SecretBinding:
        return self.model_copy(update={"requested": {**self.requested, **dict.fromkeys(names, now)}})

    def put_back(self, now: datetime) -> SecretBinding:
        """As it was: its rotation came to nothing. Raises `TransitionRefused`."""
        TRANSITIONS.require(Transition.END, self.status, BindingStatus.BOUND)
        return self.model_copy(update={"status": BindingStatus.BOUND, "turn": None, "failed_at": now})

    def turned(self, now: datetime) -> SecretBinding:
        """After its rotation: the versions that were rolled out are its own, the earlier ones go after the overlap.

        Raises `TransitionRefused`.
        """
        TRANSITIONS.require(Transition.END, self.status, BindingStatus.BOUND)
        versions = self.found_versions
        secrets = [one.model_copy(update={"version": versions.get(one.name, one.version)}) for one in self.secrets]
        kept = {(one.secret_name, one.version) for one in secrets}  # two names may be of one secret
        gone = {(one.secret_name, one.version) for one in self.secrets if one.version and one.name in versions} - kept
        end = now + self.overlap
        leaving = [Outgoing(secret_name=name, version=version, disable_at=end) for name, version in sorted(gone)]
        standing = [one for one in self.outgoing if (one.secret_name, one.version) not in {*kept, *gone}]
        return self.model_copy(
            update={
                "status": BindingStatus.BOUND,
                "turn": None,
                "secrets": secrets,
                "rotated": {**self.rotated, **dict.fromkeys(versions, now)},
                "requested": {name: at for name, at in self.requested.items() if name not in versions},
                "outgoing": [*standing, *leaving],
                "failed_at": None,
            }
        )

    def next_look(self, now: datetime, again: timedelta) -> datetime | None:
        """When something is to be done for it at the earliest: what is overdue is looked at `again` later."""
        times = [at for secret in self.secrets if (at := self.due_at(secret.name))]
        times += [now for _ in self.requested] + [one.disable_at for one in self.outgoing]
        return max(min(times), now + again) if times else None
