"""`make schemas`: docs/events anew, a JSON schema per event, from the models that the events are emitted with; and the
documents of the typed client (`tools.documents`) and the page's types (`tools.page_types`).

A schema says all that version 1.0 of an event has, and forbids nothing beside it: what is added later breaks no consumer.
Absent is not null: a field that may be missing is not required, and is never null.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import create_model

from shared.events.envelope import SCHEMA_VERSION, Event, Payload
from shared.http.openapi.schemas import AsWritten
from shared.runtime.catalog.events import InventoryUpdated
from shared.runtime.decommissioning.events import EnvironmentDecommissioned
from shared.runtime.deployments.events import (
    ConfigurationSynced,
    DeploymentCompleted,
    DeploymentRequested,
    DeploymentRolledBack,
)
from shared.runtime.drift.events import DriftDetected
from shared.runtime.environments.events import EnvironmentProvisioned
from shared.runtime.health.events import HealthCheckCompleted
from shared.runtime.scaling.events import ScalingPolicyApplied
from shared.runtime.secrets.events import SecretRotated, SecretRotationRequested
from tools import documents, page_types

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "events"
EVENTS: Sequence[type[Payload]] = (
    EnvironmentProvisioned,
    EnvironmentDecommissioned,
    DeploymentRequested,
    DeploymentCompleted,
    DeploymentRolledBack,
    ConfigurationSynced,
    SecretRotated,
    SecretRotationRequested,
    HealthCheckCompleted,
    ScalingPolicyApplied,
    DriftDetected,
    InventoryUpdated,
)


def schema_of(payload: type[Payload]) -> dict[str, Any]:
    """The whole event: the envelope with this payload."""
    name = payload.event_type
    event = create_model(
        str(name),
        __base__=Event,
        __doc__=payload.__doc__,
        event_type=(Literal[name], ...),
        payload=(payload, ...),
    )
    made = event.model_json_schema(by_alias=True, mode="serialization", schema_generator=AsWritten)
    head = {"$schema": AsWritten.schema_dialect, "$id": f"urn:connectsoft:runtime-cloud:event:{name}:{SCHEMA_VERSION}"}
    return {**head, **made}


def generate(folder: Path) -> None:
    """Write all of them, and take away what is no event any more."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {f"{payload.event_type}.json": schema_of(payload) for payload in EVENTS}
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, schema in wanted.items():
        (folder / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    generate(FOLDER)
    documents.write()
    page_types.write()
    sys.stdout.write(f"{len(EVENTS)} schemas in {FOLDER.name}\n")
