"""What is to be done with an app that stands, decided from what was read of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.targets import container_app_bodies as bodies
from shared.targets import container_app_reading as reading
from shared.targets import naming
from shared.targets.port import Site, Stamp, Workload

Json = dict[str, Any]


def is_of(workload: Workload, full_name: str) -> bool:
    return bodies.revision_of(full_name) == workload.revision


def being_made(app: Json, template: Json) -> bool:
    """An earlier call asked for this revision and the service is still at it."""
    properties = app["properties"]
    asked = (properties.get("template") or {}).get("revisionSuffix")
    return bool(asked == template["revisionSuffix"] and properties.get("provisioningState") == "InProgress")


def scaled(site: Site, workload: Workload, serving: Json) -> Json:
    """What serves, under the workload's scale. What somebody else made stays as they made it: that is for drift to tell."""
    if is_of(workload, serving["name"]):
        return bodies.template(site, workload)
    wanted = bodies.scale(site, workload)
    revision = bodies.revision_of(serving["name"]) or "x"
    return bodies.rescaled(serving["properties"]["template"], revision, wanted)


def secrets(app: Json, revisions: Mapping[str, Json], needed: list[Json]) -> list[Json]:
    """What active revisions use and what is needed now. References that nobody uses go: one to a version that was disabled
    since would fail every later change of the app."""
    used = reading.secrets_used(list(revisions.values()))
    entries = {one["name"]: one for one in reading.secrets(app) if one["name"] in used}
    entries |= {one["name"]: one for one in needed}
    return [entries[name] for name in sorted(entries)]


def tags_kept(app: Json, revisions: Mapping[str, Json]) -> dict[str, str]:
    """The app's tags without the names of images that no active revision runs: an app has room for 50."""
    used = reading.images_used(list(revisions.values()))
    names = {f"{naming.IMAGE_TAG}{naming.short(image.partition('@')[2])}" for image in used}
    tags: dict[str, str] = dict(app.get("tags") or {})
    return {name: text for name, text in tags.items() if not name.startswith(naming.IMAGE_TAG) or name in names}


def marks(stamp: Stamp) -> dict[str, str]:
    return {
        naming.OPERATION_TAG: stamp.operation_id,
        naming.ATTEMPT_TAG: str(stamp.attempt),
        naming.STAMP_TAG: stamp.text,
    }
