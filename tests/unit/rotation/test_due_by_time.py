"""`rotation.everyDays` through the whole app: asked for over HTTP, begun by the sweep when its time has come."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.kernel.clock import now
from shared.runtime.rotation.sweep import Deps, turn_shard
from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.doubles.world import component
from tests.unit.rehearsal.stage import V1, V2, environment, released


def sweep(platform: Platform, later: timedelta) -> Deps:
    """The container's own, `later`."""

    def then() -> datetime:
        return now() + later

    made: Deps = platform.container.rotation_sweep
    return replace(
        made,
        due=replace(made.due, clock=then),
        seeking=replace(made.seeking, clock=then),
        rotations=replace(made.rotations, clock=then),
        clock=then,
    )


async def ticked(platform: Platform, *, days: float) -> list[Any]:
    """What a tick of the upkeep sweep starts, so many days from now."""
    for shard in range(platform.container.settings.state.shards):
        await turn_shard(sweep(platform, timedelta(days=days)), shard, platform.hub)  # type: ignore[arg-type]
    return list(platform.hub.started)


async def test_a_rotation_begins_by_itself_after_its_days_and_rolls_the_consumers() -> None:
    platform = Platform()
    ident = await environment(platform)
    vault_uri = (await platform.send("GET", f"/environments/{ident}"))["outputs"]["vaultUri"]
    platform.vault.holds("db-password", V1)
    owned = {"tenantId": TENANT, "environmentId": ident}
    secrets = [{"name": "db", "secretName": "db-password"}]
    rotation = {"everyDays": 30, "overlapMinutes": 60}
    body = {**owned, "serviceId": "api", "vaultUri": vault_uri, "secrets": secrets, "rotation": rotation}
    bound = (await platform.send("POST", "/secret-bindings", body))["secretBindingId"]
    values = {"DB": {"secretRef": f"{bound}/db"}}
    published = await platform.send("POST", "/configurations", {**owned, "values": values})
    await released(platform, ident, component("api"), configurationId=published["configurationId"])
    platform.vault.holds("db-password", V2, V1)

    assert await ticked(platform, days=29) == []
    [begun] = await ticked(platform, days=31)
    assert (begun.kind, begun.requested_by, begun.resource_id) == ("RotateSecret", "rotation-sweep", bound)
    await platform.settle()
    shown = await platform.send("GET", f"/secret-bindings/{bound}")
    assert [(one["serviceId"], one["version"]) for one in shown["consumers"]] == [("api", V2)]
    assert (shown["status"], shown["consumersOnOldVersion"]) == ("Bound", 0)
    told = await platform.send("GET", f"/operations/{begun.operation_id}")
    assert told["status"] == "Succeeded"
