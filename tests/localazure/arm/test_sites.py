"""Sites, slots, plans and autoscale settings: what is sent and answered is judged by the management SDKs."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from localazure.arm.operations import Operation
from tests.localazure.arm.bodies import GROUP, SERVICE, TAGS, located

PLAN = f"{GROUP}/providers/Microsoft.Web/serverfarms/plan"
SITE = f"{GROUP}/providers/Microsoft.Web/sites/orders-1"
SLOT = f"{SITE}/slots/staging"
SETTING = f"{GROUP}/providers/Microsoft.Insights/autoscalesettings/plan"
OLD, NEW = "acr.io/orders:1", "acr.io/orders:2"


def site(image: str | None = OLD, kind: str = "app,linux,container", **more: Any) -> dict[str, Any]:
    config = {name: more.pop(name) for name in ("numberOfWorkers", "minimumElasticInstanceCount") if name in more}
    if image:
        config["linuxFxVersion"] = f"DOCKER|{image}"
    if "settings" in more:
        config["appSettings"] = [{"name": name, "value": value} for name, value in more.pop("settings").items()]
    properties = {"serverFarmId": PLAN, "reserved": True, "siteConfig": config, **more}
    return located(kind=kind, tags=TAGS, properties=properties)


def autoscale(least: int, most: int) -> dict[str, Any]:
    capacity = {"minimum": str(least), "maximum": str(most), "default": str(least)}
    profile = {"name": "p", "capacity": capacity, "rules": []}
    return located(properties={"enabled": True, "targetResourceUri": PLAN, "profiles": [profile]})


@pytest.fixture
async def arm(local) -> Any:
    await local.arm.put(GROUP, body=located())
    sku = {"name": "P1v3", "tier": "PremiumV3", "capacity": 1}
    await local.arm.put(PLAN, body=located(kind="linux", sku=sku, properties={"reserved": True, "perSiteScaling": True}))
    return local.arm


async def settings(arm: Any, place: str) -> dict[str, str]:
    return dict((await arm.post(f"{place}/config/appsettings/list"))["properties"])


def images(local: Any) -> dict[str, int]:
    """Image -> how many instances run it."""
    running = {one.image: len(local.workloads.replicas(key)) for key, one in local.workloads.known.items()}
    return {image: count for image, count in running.items() if count}


async def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(HttpResponseError) as told:
        await call
    return told.value.status_code, told.value.error.code


async def test_a_site_runs_its_image_and_says_where(local, arm) -> None:
    made = await arm.put(SITE, body=site(settings={"A": "1"}))
    assert images(local) == {OLD: 1}
    assert made["properties"]["defaultHostName"].startswith("127.0.0.1:")
    assert "appSettings" not in made["properties"]["siteConfig"]
    assert await settings(arm, SITE) == {"A": "1"}
    (instance,) = (await arm.get(f"{SITE}/instances"))["value"]
    assert instance["properties"]["state"] == "READY"
    (served,) = local.workloads.served.values()
    assert local.workloads.known[served].env == {"A": "1"}


async def test_a_put_without_image_and_settings_keeps_both(local, arm) -> None:
    await arm.put(SITE, body=site(settings={"A": "1"}))
    await arm.put(SITE, body=site(None, numberOfWorkers=1))
    assert (images(local), await settings(arm, SITE)) == ({OLD: 1}, {"A": "1"})


async def test_a_stopped_or_disabled_place_runs_nothing_and_starts_again(local, arm) -> None:
    await arm.put(SITE, body=site(enabled=False))
    assert (images(local), (await arm.get(SITE))["properties"]["state"]) == ({}, "Stopped")
    await arm.post(f"{SITE}/start")
    assert images(local) == {OLD: 1}
    await arm.post(f"{SITE}/stop")
    assert (images(local), local.workloads.served[SERVICE]) == ({}, None)


async def test_a_swap_moves_content_and_leaves_what_is_sticky(local, arm) -> None:
    await arm.put(SITE, body=site(settings={"A": "old", "PLACE": "production"}))
    await arm.put(SLOT, body=site(NEW, settings={"A": "new", "PLACE": "staging"}))
    await arm.put(f"{SITE}/config/slotConfigNames", body={"properties": {"appSettingNames": ["PLACE"]}})
    hosts = [(await arm.get(place))["properties"]["defaultHostName"] for place in (SITE, SLOT)]
    served = local.workloads.served[SERVICE]

    first, _ = await arm.begin("POST", f"{SLOT}/slotsswap", {"targetSlot": "production", "preserveVnet": True})

    assert first.status_code == 202
    assert await settings(arm, SITE) == {"A": "new", "PLACE": "production"}
    assert await settings(arm, SLOT) == {"A": "old", "PLACE": "staging"}
    assert [(await arm.get(place))["properties"]["defaultHostName"] for place in (SITE, SLOT)] == hosts
    assert local.workloads.known[local.workloads.served[SERVICE]].image == NEW
    assert (local.workloads.served[SERVICE] != served, images(local)) == (True, {OLD: 1, NEW: 1})


async def test_a_swap_that_is_run_again_after_a_crash_does_not_swap_back(local, arm) -> None:
    await arm.put(SITE, body=site(settings={"A": "old"}))
    await arm.put(SLOT, body=site(NEW, settings={"A": "new"}))
    operation = Operation("op", SLOT.lower(), "slotsswap", 0.0, "", "2025-05-01")
    for _ in range(2):
        await local.application.resources.actions["slotsswap"](operation)
    assert await settings(arm, SITE) == {"A": "new"}


async def test_both_places_of_a_swap_must_run(arm) -> None:
    await arm.put(SITE, body=site())
    await arm.put(SLOT, body=site(NEW))
    await arm.post(f"{SLOT}/stop")
    swap = arm.send("POST", f"{SLOT}/slotsswap", {"targetSlot": "production", "preserveVnet": True})
    assert await refusal(swap) == (409, "Conflict")


async def test_slots_are_listed_only_where_they_are_asked_for_and_go_with_their_site(local, arm) -> None:
    await arm.put(SITE, body=site())
    await arm.put(SLOT, body=site(NEW))
    collection = f"{GROUP}/providers/Microsoft.Web/sites"
    assert [one["name"] for one in (await arm.get(collection))["value"]] == ["orders-1"]
    whole = (await arm.get(f"{collection}?includeSlots=true"))["value"]
    assert [one["name"] for one in whole] == ["orders-1", "orders-1/staging"]
    await arm.delete(SITE)
    assert (images(local), await arm.get(SLOT), (await arm.get(collection))["value"]) == ({}, None, [])


async def test_an_autoscale_setting_bounds_the_plan_and_sites_have_counts_of_their_own(local, arm) -> None:
    await arm.put(SITE, body=site(numberOfWorkers=3))
    assert images(local) == {OLD: 1}  # the plan has no more
    await arm.put(SETTING, body=autoscale(2, 5))
    await arm.until(PLAN, lambda plan: plan["sku"]["capacity"] == 2)
    await arm.until(f"{SITE}/instances", lambda told: len(told["value"]) == 2)
    await arm.put(SETTING, body=autoscale(5, 5))
    await arm.until(f"{SITE}/instances", lambda told: len(told["value"]) == 3)
    assert await refusal(arm.put(f"{SETTING}-2", body=autoscale(1, 1))) == (409, "Conflict")
    assert await refusal(arm.put(SETTING, body=autoscale(3, 2))) == (400, "BadRequest")


async def test_function_apps_have_a_least_of_their_own_and_tell_their_functions(local, arm) -> None:
    kind = "functionapp,linux,container"
    await arm.put(SITE, body=site(kind=kind, minimumElasticInstanceCount=2, settings={"AzureWebJobs.worker.Disabled": "1"}))
    assert images(local) == {OLD: 2}
    told = {one["name"]: one["properties"]["isDisabled"] for one in (await arm.get(f"{SITE}/functions"))["value"]}
    assert told == {"health": False, "worker": True}


async def test_what_app_service_refuses(arm) -> None:
    await arm.put(SITE, body=site())
    other = SITE.replace("rg-test", "rg-other")
    await arm.put(GROUP.replace("rg-test", "rg-other"), body=located())
    assert await refusal(arm.put(other, body=site())) == (409, "Conflict")
    assert await refusal(arm.send("DELETE", PLAN)) == (409, "Conflict")
    nowhere = site()
    nowhere["properties"]["serverFarmId"] = f"{PLAN}-none"
    assert await refusal(arm.put(f"{SITE}2", body=nowhere)) == (404, "NotFound")
    assert (await refusal(arm.send("GET", f"{SITE}/backups")))[0] == 501


async def test_somebody_changes_production_without_a_slot(local, arm) -> None:
    await arm.put(SITE, body=site(settings={"A": "1"}))
    changed = local.application.changeable
    assert await changed.change(*SERVICE, {"image": NEW, "env": {"B": "2"}})
    assert (images(local), await settings(arm, SITE)) == ({NEW: 1}, {"A": "1", "B": "2"})
    assert await changed.change(*SERVICE, {"delete": True})
    assert (await arm.get(SITE), await changed.change(*SERVICE, {"replicas": 1})) == (None, False)
