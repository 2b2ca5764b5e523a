"""Configurations and secrets."""

from __future__ import annotations

from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.doubles.vault import VAULT
from tests.unit.rehearsal.stage import V1, V2, Act, Scene, component, environment, released


async def publishing(platform: Platform) -> Act:
    ident = await environment(platform)
    return "POST", "/configurations", {"tenantId": TENANT, "environmentId": ident, "values": {"MODE": "fast"}}


async def publishing_for_a_module(platform: Platform) -> Act:
    method, path, body = await publishing(platform)
    return method, path, body | {"moduleId": "api"}


async def binding(platform: Platform) -> Act:
    ident = await environment(platform)
    platform.vault.holds("db-password", V2, V1)
    platform.vault.holds("api-key", V1)
    secrets = [{"name": "DB", "secretName": "db-password"}, {"name": "KEY", "secretName": "api-key"}]
    body = {"tenantId": TENANT, "environmentId": ident, "serviceId": "api", "vaultUri": VAULT, "secrets": secrets}
    return "POST", "/secret-bindings", body


async def rotating(platform: Platform) -> Act:
    ident = await environment(platform)
    platform.vault.holds("db-password", V1)
    secrets = [{"name": "DB", "secretName": "db-password"}]
    body = {"tenantId": TENANT, "environmentId": ident, "serviceId": "api", "vaultUri": VAULT, "secrets": secrets}
    bound = (await platform.send("POST", "/secret-bindings", body))["secretBindingId"]
    values = {"DB": {"secretRef": f"{bound}/DB"}}
    published = await platform.send(
        "POST", "/configurations", {"tenantId": TENANT, "environmentId": ident, "values": values}
    )
    consumers = [component("api", "1"), component("worker", "1", wave=1)]
    await released(platform, ident, *consumers, configurationId=published["configurationId"])
    platform.vault.holds("db-password", V2, V1)
    return "POST", f"/secret-bindings/{bound}/rotate", {"reason": "leaked"}


async def rotating_to_what_is_still_to_come(platform: Platform) -> Act:
    act = await rotating(platform)
    platform.vault.holds("db-password", V1)
    return act


async def rotating_again(platform: Platform) -> Act:
    method, path, body = await rotating(platform)
    await platform.send(method, path, body)
    operation = platform.hub.started[0].operation_id
    await platform.send("POST", f"/operations/{operation}/cancel", {})
    await platform.settle()
    return "POST", f"/operations/{operation}/retry", {}


SCENES: dict[Scene, str] = {
    publishing: "POST /configurations",
    publishing_for_a_module: "POST /configurations",
    binding: "POST /secret-bindings",
    rotating: "POST /secret-bindings/{secretBindingId}/rotate",
    rotating_to_what_is_still_to_come: "POST /secret-bindings/{secretBindingId}/rotate",
    rotating_again: "POST /operations/{operationId}/retry",
}
