"""An event as the app's own subscription reads it: what it needs, and nothing of what a newer release may have added."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, StringConstraints

from shared.events.journal import Place
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record


class About(Record):
    """The parts of payloads that consumers act on."""

    model_config = ConfigDict(extra="ignore")

    environment_id: Annotated[EnvironmentId, StringConstraints(pattern=r"^env-[0-9a-f]{16}$")]
    service_id: str | None = None
    status: str | None = None


class Letter(Record):
    model_config = ConfigDict(extra="ignore")

    event_id: Annotated[str, StringConstraints(pattern=r"^evt-[0-9a-f]{32}$")]
    event_type: str  # one that this release does not know is nobody's here
    tenant_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    project_id: str | None = None
    occurred_at: AwareDatetime
    payload: About

    @property
    def place(self) -> Place:
        return Place(self.tenant_id, self.payload.environment_id, self.project_id)


def read_letter(body: bytes) -> Letter:
    """Raises `ValidationError`."""
    return Letter.model_validate_json(body, by_alias=True, by_name=False)
