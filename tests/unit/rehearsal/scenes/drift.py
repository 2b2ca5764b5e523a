"""Decisions on findings, and what is left out."""

from __future__ import annotations

from typing import Any

from shared.events.journal import Place
from shared.kernel.clock import now
from shared.kernel.ids import environment_of
from shared.runtime.drift.sweep import scan_environment
from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.doubles.world import image
from tests.unit.drift.drifted import Drifted
from tests.unit.rehearsal.stage import Act, Scene, environment, released


async def found(platform: Platform, action: str, body: Any) -> Act:
    """A decision on the finding that the image of `api` was changed by hand."""
    ident = await environment(platform)
    await released(platform, ident)
    platform.apps.change("api", image=image("api", "9"))
    await scan_environment(platform.drift_sweep, Place(TENANT, environment_of(ident), "orders"), now())
    [finding] = (await platform.send("GET", f"/drift/{ident}"))["findings"]
    return "POST", f"/drift/{ident}/findings/{finding['findingId']}/{action}", body


async def acknowledging(platform: Platform) -> Act:
    return await found(platform, "acknowledge", {"reason": "known"})


async def accepting(platform: Platform) -> Act:
    return await found(platform, "accept", {"reason": "known", "until": "2100-01-01T00:00:00Z"})


async def remediating(platform: Platform) -> Act:
    return await found(platform, "remediate", {})


async def mending(platform: Platform) -> Act:
    drifted = Drifted(platform, await environment(platform))
    await drifted.look("KeyVault")
    finding = await drifted.finding()
    return "POST", f"/drift/{drifted.ident}/findings/{finding['findingId']}/remediate", {}


async def mending_again(platform: Platform) -> Act:
    method, path, body = await mending(platform)
    await platform.send(method, path, body)
    operation = platform.hub.started[0].operation_id
    await platform.send("POST", f"/operations/{operation}/cancel", {})
    await platform.settle()
    drifted = Drifted(platform, path.split("/")[2])
    await drifted.look("KeyVault")
    await drifted.scan()
    return "POST", f"/operations/{operation}/retry", {}


async def adopting(platform: Platform) -> Act:
    return await found(platform, "adopt", {})


async def ignoring(platform: Platform) -> Act:
    ident = await environment(platform)
    return "PUT", f"/drift/{ident}/ignore-rules", {"rules": [{"serviceId": "api", "reason": "a canary"}]}


SCENES: dict[Scene, str] = {
    acknowledging: "POST /drift/{environmentId}/findings/{findingId}/acknowledge",
    accepting: "POST /drift/{environmentId}/findings/{findingId}/accept",
    remediating: "POST /drift/{environmentId}/findings/{findingId}/remediate",
    mending: "POST /drift/{environmentId}/findings/{findingId}/remediate",
    mending_again: "POST /operations/{operationId}/retry",
    adopting: "POST /drift/{environmentId}/findings/{findingId}/adopt",
    ignoring: "PUT /drift/{environmentId}/ignore-rules",
}
