"""What is App Service's own: a slot beside production, a swap, settings that stay, and a plan that sites share."""

from __future__ import annotations

from typing import Any

import pytest

from shared.azure.api_versions import AUTOSCALE, WEB
from shared.azure.arm import Arm
from shared.kernel.clock import now
from shared.kernel.errors import Refused, Transient
from shared.targets import web_site_bodies as bodies
from shared.targets import web_site_scaling as scaling
from shared.targets.port import Measure, Scaling, SecretReference, Workload
from shared.targets.web_sites import WebSites
from tests.targets.cloud import Cloud, Place, make_site, stamp, until, workload

POLICY = Scaling(metric="cpu", min_replicas=2, max_replicas=6, target_utilization_percent=70)


class Failing:
    """An Arm whose posts of one action get no answer."""

    def __init__(self, arm: Arm, action: str) -> None:
        self._arm, self._action = arm, action

    def __getattr__(self, name: str) -> Any:
        return self._post if name == "post" else getattr(self._arm, name)

    async def _post(self, path: str, *rest: Any) -> Any:
        if path.endswith(self._action):
            raise Transient("arm")
        return await self._arm.post(path, *rest)


@pytest.fixture(params=["app-service", "functions"])
async def web(request: pytest.FixtureRequest, cloud: Cloud) -> Place:
    return Place(request.param, cloud, cloud.targets[request.param], await make_site(cloud))


async def staged(place: Place, wanted: Workload, generation: int) -> None:
    await place.target.apply(place.site, stamp(generation), wanted)

    def ready(seen: Any) -> bool:
        return any(one.name == wanted.revision and one.settled for one in seen.revisions)

    await until(lambda: place.seen(wanted.service_id), ready)


async def released(place: Place, wanted: Workload, generation: int) -> None:
    await staged(place, wanted, generation)
    await place.target.promote(place.site, stamp(generation), wanted)
    await until(lambda: place.seen(wanted.service_id), lambda seen: seen.serving and seen.serving.settled)


async def told(place: Place, *, slot: bool = False) -> dict[str, Any]:
    of = bodies.slot_id if slot else bodies.site_id
    found = await place.cloud.arm.get(of(place.site, "orders"), WEB)
    assert found is not None
    return found


async def settings(place: Place, *, slot: bool = False) -> dict[str, str]:
    document = await told(place, slot=slot)
    answer = await place.cloud.arm.post(f"{document['id']}/config/appsettings/list", WEB)
    return dict(answer["properties"])


async def test_nothing_serves_before_its_gate_and_the_slot_stops_with_the_promotion(web: Place) -> None:
    wanted = workload(replicas=1)
    await staged(web, wanted, 1)
    running = web.running("orders")
    assert running is not None
    assert (running["revision"], [one["ready"] for one in running["replicas"]]) == (None, [True])
    assert [(await told(web, slot=slot))["properties"]["state"] for slot in (False, True)] == ["Stopped", "Running"]
    seen = await web.seen("orders")
    assert seen is not None
    assert seen.serving is None

    await web.target.promote(web.site, stamp(1), wanted)
    assert [(await told(web, slot=slot))["properties"]["state"] for slot in (False, True)] == ["Running", "Stopped"]


async def test_going_back_starts_the_slot_and_swaps_and_makes_no_content(web: Place) -> None:
    old, new = workload(replicas=1), workload("acr.azurecr.io/orders:2", replicas=1)
    await released(web, old, 1)
    await released(web, new, 2)
    assert web.running("orders")["image"] == new.image  # type: ignore[index]
    web.cloud.transport.sent.clear()

    await released(web, old, 3)

    assert web.running("orders")["image"] == old.image  # type: ignore[index]
    changes = [(method, path.rpartition("/")[2]) for method, path in web.cloud.transport.sent if method != "GET"]
    assert [path for method, path in changes if method == "POST" and path != "list"] == ["start", "slotsswap", "stop"]
    assert ("PUT", "staging") not in changes


async def test_a_promotion_that_was_cut_off_is_finished_by_the_next(web: Place) -> None:
    old, new = workload(replicas=1), workload("acr.azurecr.io/orders:2", replicas=1)
    await released(web, old, 1)
    await staged(web, new, 2)
    flavour = bodies.FUNCTIONS if web.name == "functions" else bodies.APP_SERVICE
    for action in ("slotsswap", "stop"):
        with pytest.raises(Transient):
            await WebSites(flavour, Failing(web.cloud.arm, action), now).promote(web.site, stamp(2), new)  # type: ignore[arg-type]
        seen = await web.seen("orders")
        assert seen is not None
        assert {one.name for one in seen.revisions if one.replicas} == {old.revision, new.revision}

    await web.target.promote(web.site, stamp(2), new)
    seen = await web.seen("orders")
    assert seen is not None
    assert [one.name for one in seen.revisions] == [new.revision]


async def test_sites_are_closed_to_what_is_not_https_and_refer_to_secrets_by_version(web: Place) -> None:
    reference = SecretReference(vault_uri="https://kv-one.vault.azure.net/", secret_name="sql", version="v1")
    await staged(web, workload(env={"SQL": reference}, replicas=1), 1)
    for slot in (False, True):
        properties = (await told(web, slot=slot))["properties"]
        assert (properties["httpsOnly"], properties["siteConfig"]["minTlsVersion"]) == (True, "1.2")
        assert properties["keyVaultReferenceIdentity"] == web.site.outputs["identityId"]
        assert properties["siteConfig"]["healthCheckPath"] == "/health"
        held = await settings(web, slot=slot)
        assert held["SQL"] == "@Microsoft.KeyVault(SecretUri=https://kv-one.vault.azure.net/secrets/sql/v1)"
        assert held["WEBSITES_PORT"] == "8080"


async def test_names_of_sites_carry_the_environment_and_fit_a_host_name(web: Place) -> None:
    name = bodies.site_name(web.site, "x" * 64)
    assert name.endswith(web.site.environment_id.removeprefix("env-"))
    assert len(f"{name}-{bodies.SLOT}") <= 63


async def test_no_function_of_a_slot_consumes_and_every_one_of_production_does(cloud: Cloud) -> None:
    web = Place("functions", cloud, cloud.targets["functions"], await make_site(cloud))
    for generation in (1, 2, 3):
        await released(web, workload(f"acr.azurecr.io/orders:{generation}", replicas=1), generation)
        await staged(web, workload(f"acr.azurecr.io/orders:{generation}-next", replicas=1), generation)
        held = {slot: await settings(web, slot=slot) for slot in (False, True)}
        assert held[True]["AzureWebJobs.worker.Disabled"] == "true"
        assert "AzureWebJobs.health.Disabled" not in held[True]
        assert "AzureWebJobs.worker.Disabled" not in held[False]
        assert held[True][bodies.HOST_ID] != held[False][bodies.HOST_ID]


async def test_a_plan_has_room_for_what_all_its_sites_need(cloud: Cloud) -> None:
    web = Place("app-service", cloud, cloud.targets["app-service"], await make_site(cloud))
    plan = web.site.outputs["appServicePlanId"]

    async def capacity() -> tuple[str, str, int]:
        found = await cloud.arm.get(scaling.setting_id(web.site, plan), AUTOSCALE)
        assert found is not None
        profile = found["properties"]["profiles"][0]
        return profile["capacity"]["minimum"], profile["capacity"]["maximum"], len(profile["rules"])

    await released(web, workload(service_id="one", replicas=3), 1)
    assert await capacity() == ("3", "3", 0)
    await released(web, workload(service_id="two", scaling=POLICY), 1)
    assert await capacity() == ("3", "6", 2)
    await web.target.remove(web.site, stamp(2), ["one"])
    assert await capacity() == ("2", "6", 2)
    await web.target.scale(web.site, stamp(2), workload(service_id="two", replicas=1))
    assert await capacity() == ("1", "1", 0)


@pytest.mark.parametrize("change", ["fewer at most", "fewer at least", "another threshold", "one more rule", "no rules"])
async def test_what_somebody_makes_of_the_plans_setting_is_told_of_the_services_that_scale_by_it(
    cloud: Cloud, change: str
) -> None:
    web = Place("app-service", cloud, cloud.targets["app-service"], await make_site(cloud))
    await released(web, workload(service_id="one", scaling=POLICY), 1)
    strict = POLICY.model_copy(update={"target_utilization_percent": 50})
    await released(web, workload(service_id="two", scaling=strict), 1)
    whole = await web.target.observe(web.site)
    assert [whole[name].bounds.measures for name in ("one", "two")] == [[POLICY.measure], [strict.measure]]

    setting_id = scaling.setting_id(web.site, web.site.outputs["appServicePlanId"])
    setting = await cloud.arm.get(setting_id, AUTOSCALE)
    assert setting is not None
    [profile] = setting["properties"]["profiles"]
    strange = {
        **profile["rules"][0],
        "metricTrigger": {**profile["rules"][0]["metricTrigger"], "metricName": "DiskQueueLength"},
    }
    if change.startswith("fewer"):
        profile["capacity"]["maximum" if change == "fewer at most" else "minimum"] = "1"
        profile["capacity"]["default"] = "1"
        profile["capacity"]["minimum"] = "1"
    elif change == "another threshold":
        profile["rules"][0]["metricTrigger"]["threshold"] = 95
    else:
        profile["rules"] = [*profile["rules"], strange] if change == "one more rule" else []
    body = {"location": setting["location"], "tags": setting["tags"], "properties": setting["properties"]}
    await cloud.arm.put(setting_id, AUTOSCALE, body)

    for name, policy in (("one", POLICY), ("two", strict)):
        bounds = (await web.target.observe(web.site))[name].bounds
        assert (bounds.min_replicas, bounds.max_replicas) == {
            "fewer at most": (1, 1),
            "fewer at least": (1, 6),
        }.get(change, (2, 6))
        assert bounds.measures == {
            "another threshold": [Measure(metric="CpuPercentage")],
            "one more rule": [policy.measure, Measure(metric="DiskQueueLength")],
            "no rules": [],
        }.get(change, [policy.measure])

    await web.target.scale(web.site, stamp(2), workload(service_id="one", scaling=POLICY))
    assert (await web.target.observe(web.site))["two"].bounds == whole["two"].bounds, "enforcing it again puts it right"


async def test_an_environment_without_a_plan_is_refused(web: Place) -> None:
    bare = web.site.model_copy(update={"outputs": {}})
    with pytest.raises(Refused) as refused:
        await web.target.apply(bare, stamp(), workload())
    assert refused.value.code == "PlanMissing"
