"""Container apps: revisions, traffic, health, addresses, and what somebody changes from outside."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
import httpx
import pytest

from tests.localazure.arm.bodies import APP, SERVICE, app, environment
from tests.localazure.arm.test_resources import refused


async def created(local, **options) -> dict:
    await environment(local.arm)
    return await local.arm.put(APP, body=app(**options))


async def revision(local, name: str) -> dict:
    return (await local.arm.get(f"{APP}/revisions/{name}"))["properties"]


async def fetch(local, fqdn: str, host: str | None = None) -> tuple[int, str]:
    context = ssl.create_default_context(cafile=local.certificate)
    headers = {"Host": host} if host else {}
    async with aiohttp.ClientSession() as session, session.get(f"https://{fqdn}/", ssl=context, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_an_app_runs_its_revision_and_is_reached_at_its_fqdn(local) -> None:
    made = (await created(local, replicas=2))["properties"]
    assert (made["latestRevisionName"], made["runningStatus"]) == ("orders--v1", "Running")
    healthy = await local.arm.until(
        f"{APP}/revisions/orders--v1", lambda one: one["properties"]["healthState"] == "Healthy"
    )
    assert healthy["properties"] | {"createdTime": "", "lastActiveTime": "", "fqdn": "", "template": {}} == {
        "createdTime": "",
        "lastActiveTime": "",
        "fqdn": "",
        "template": {},
        "active": True,
        "replicas": 2,
        "trafficWeight": 100,
        "healthState": "Healthy",
        "runningState": "Running",
        "provisioningState": "Provisioned",
    }
    fqdn = made["configuration"]["ingress"]["fqdn"]
    answers = {await fetch(local, fqdn) for _ in range(4)}
    assert answers == {(200, "registry.example/orders:1#0"), (200, "registry.example/orders:1#1")}
    assert (await local.arm.get(APP))["properties"]["latestReadyRevisionName"] == "orders--v1"


async def test_replicas_are_listed_with_their_readiness(local) -> None:
    await created(local, replicas=2)
    listed = (await local.arm.get(f"{APP}/revisions/orders--v1/replicas"))["value"]
    assert [one["properties"]["runningState"] for one in listed] == ["Running", "Running"]
    one = await local.arm.get(f"{APP}/revisions/orders--v1/replicas/{listed[0]['name']}")
    assert one["properties"]["containers"][0] | {"restartCount": 0} == {
        "name": "orders",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "runningState": "Running",
    }


async def test_the_same_template_makes_no_revision_and_another_one_does(local) -> None:
    await created(local)
    await local.arm.put(APP, body=app())
    await local.arm.put(APP, body=app(suffix=None))
    assert [one["name"] for one in (await local.arm.get(f"{APP}/revisions"))["value"]] == ["orders--v1"]
    await local.arm.put(APP, body=app(image="i:2", suffix=None))
    names = [one["name"] for one in (await local.arm.get(f"{APP}/revisions"))["value"]]
    assert names[0] == "orders--v1"
    assert len(names) == 2
    assert names[1].startswith("orders--")


async def test_a_suffix_names_one_template_for_ever(local) -> None:
    await created(local)
    other = local.arm.send("PUT", APP, app(image="i:2"))
    assert await refused(other) == (400, "InvalidParameterValueInContainerTemplate")
    assert (await local.arm.get(APP))["properties"]["provisioningState"] == "Succeeded"


async def test_in_multiple_mode_a_new_revision_gets_no_traffic_until_it_is_given_some(local) -> None:
    pinned = [{"revisionName": "orders--v1", "weight": 100}]
    await created(local, traffic=pinned)
    new = await local.arm.put(APP, body=app(image="i:2", suffix="v2", traffic=pinned))
    fqdn = new["properties"]["configuration"]["ingress"]["fqdn"]
    assert (await revision(local, "orders--v2"))["trafficWeight"] == 0
    assert (await fetch(local, fqdn))[1] == "registry.example/orders:1#0"
    assert (await fetch(local, new["properties"]["latestRevisionFqdn"]))[1] == "i:2#0"
    assert local.workloads.served[SERVICE].endswith("/orders--v1")
    moved = [{"revisionName": "orders--v2", "weight": 100}]
    await local.arm.put(APP, body=app(image="i:2", suffix="v2", traffic=moved))
    assert (await fetch(local, fqdn))[1] == "i:2#0"
    assert local.workloads.served[SERVICE].endswith("/orders--v2")
    assert (await revision(local, "orders--v1"))["active"] is True


async def test_a_kept_connection_follows_the_traffic(local) -> None:
    made = await created(local, traffic=[{"revisionName": "orders--v1", "weight": 100}])
    url = f"https://{made['properties']['configuration']['ingress']['fqdn']}/"
    context = ssl.create_default_context(cafile=local.certificate)
    async with aiohttp.ClientSession() as session:
        async with session.get(url, ssl=context) as answer:
            assert await answer.text() == "registry.example/orders:1#0"
        moved = [{"latestRevision": True, "weight": 100}]
        await local.arm.put(APP, body=app(image="i:2", suffix="v2", traffic=moved))
        await local.arm.until(APP, lambda one: one["properties"]["latestReadyRevisionName"] == "orders--v2")
        async with session.get(url, ssl=context) as answer:
            assert await answer.text() == "i:2#0"


async def test_a_label_leads_to_its_revision(local) -> None:
    labelled = [
        {"revisionName": "orders--v1", "weight": 100},
        {"revisionName": "orders--v2", "weight": 0, "label": "green"},
    ]
    await created(local)
    new = await local.arm.put(APP, body=app(image="i:2", suffix="v2", traffic=labelled))
    fqdn = new["properties"]["configuration"]["ingress"]["fqdn"]
    assert (await fetch(local, fqdn, host="orders---green.example.azurecontainerapps.io"))[1] == "i:2#0"
    assert (await fetch(local, fqdn, host="orders---blue.example.azurecontainerapps.io"))[0] == 503


async def test_single_mode_hands_over_when_the_new_revision_is_ready(local) -> None:
    local.workloads.never_ready.add("i:2")
    made = await created(local, mode="Single")
    await local.arm.put(APP, body=app(image="i:2", suffix="v2", mode="Single"))
    await asyncio.sleep(0.3)
    found = (await local.arm.get(APP))["properties"]
    assert (found["latestRevisionName"], found["latestReadyRevisionName"]) == ("orders--v2", "orders--v1")
    fqdn = made["properties"]["configuration"]["ingress"]["fqdn"]
    assert (await fetch(local, fqdn))[1] == "registry.example/orders:1#0"
    local.workloads.never_ready.clear()
    await local.arm.until(f"{APP}/revisions/orders--v1", lambda one: one["properties"]["active"] is False)
    assert (await fetch(local, fqdn))[1] == "i:2#0"
    old = await revision(local, "orders--v1")
    assert (old["replicas"], old["runningState"], old["healthState"], old["fqdn"]) == (0, "Stopped", "None", "")
    assert local.workloads.served[SERVICE].endswith("/orders--v2")


async def test_a_revision_that_never_becomes_ready_turns_unhealthy_and_answers_503(local) -> None:
    local.workloads.never_ready.add("registry.example/orders:1")
    made = (await created(local))["properties"]
    early = await revision(local, "orders--v1")
    assert (early["runningState"], early["healthState"]) == ("Activating", "None")
    late = await local.arm.until(f"{APP}/revisions/orders--v1", lambda one: one["properties"]["healthState"] != "None")
    assert (late["properties"]["runningState"], late["properties"]["healthState"]) == ("Failed", "Unhealthy")
    assert (await fetch(local, made["latestRevisionFqdn"]))[0] == 503
    assert (await fetch(local, made["configuration"]["ingress"]["fqdn"]))[0] == 503


async def test_revisions_are_deactivated_activated_and_restarted(local) -> None:
    await created(local)
    path = f"{APP}/revisions/orders--v1"
    await local.arm.send("POST", f"{path}/deactivate")
    assert (await revision(local, "orders--v1"))["replicas"] == 0
    assert await refused(local.arm.send("POST", f"{path}/restart")) == (400, "RevisionNotActive")
    await local.arm.send("POST", f"{path}/activate")
    assert (await revision(local, "orders--v1"))["replicas"] == 1
    before = local.workloads.replicas(f"container-apps/{SERVICE[0]}/{SERVICE[1]}/orders--v1")[0].port
    await local.arm.send("POST", f"{path}/restart")
    after = local.workloads.replicas(f"container-apps/{SERVICE[0]}/{SERVICE[1]}/orders--v1")[0].port
    assert before != after
    assert await refused(local.arm.send("POST", f"{APP}/revisions/nope/activate")) == (404, "RevisionNotFound")
    assert await refused(local.arm.send("POST", f"{APP}/listSecrets")) == (501, "NotImplemented")


async def test_secrets_go_in_and_never_come_out(local) -> None:
    secrets = [
        {"name": "plain", "value": "hunter2"},
        {"name": "db", "keyVaultUrl": "https://kv.vault.azure.net/secrets/db", "identity": "system"},
    ]
    env = [{"name": "PLAIN", "secretRef": "plain"}, {"name": "DB", "secretRef": "db"}, {"name": "MODE", "value": "fast"}]
    made = await created(local, env=env, secrets=secrets)
    assert "hunter2" not in str(made)
    assert made["properties"]["configuration"]["secrets"] == [{"name": "plain"}, secrets[1]]
    running = local.workloads.known[f"container-apps/{SERVICE[0]}/{SERVICE[1]}/orders--v1"]
    assert running.env == {"PLAIN": "hunter2", "DB": "keyvaultref:https://kv.vault.azure.net/secrets/db", "MODE": "fast"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"suffix": "Bad"}, "ContainerAppInvalidRevisionName"),
        ({"suffix": "x" * 50}, "ContainerAppInvalidRevisionName"),
        ({"traffic": [{"latestRevision": True, "weight": 90}]}, "ContainerAppInvalidTraffic"),
        ({"traffic": [{"revisionName": "orders--none", "weight": 100}]}, "ContainerAppInvalidTraffic"),
        ({"env": [{"name": "A", "secretRef": "none"}]}, "ContainerAppSecretRefNotFound"),
        ({"secrets": [{"name": "a"}]}, "ContainerAppSecretInvalid"),
        ({"replicas": 11}, "InvalidParameterValueInContainerTemplate"),
        ({"image": ""}, "InvalidParameterValueInContainerTemplate"),
    ],
)
async def test_what_container_apps_refuses_changes_nothing(local, options: dict, code: str) -> None:
    await environment(local.arm)
    assert await refused(local.arm.send("PUT", APP, app(**options))) == (400, code)
    assert await local.arm.get(APP) is None
    assert local.application.fleet.revisions.all() == []


async def test_a_changed_secret_reaches_the_process_at_its_restart(local) -> None:
    def bound(version: str) -> dict:
        url = f"https://kv.vault.azure.net/secrets/db/{version}"
        secrets = [{"name": "db", "keyVaultUrl": url, "identity": "system"}]
        return {"env": [{"name": "DB", "secretRef": "db"}], "secrets": secrets}

    def seen() -> str:
        return local.workloads.known[local.workloads.served[SERVICE]].env["DB"].rpartition("/")[2]

    await created(local, **bound("1"))
    await local.arm.put(APP, body=app(**bound("2")))
    assert seen() == "1"
    await local.arm.send("POST", f"{APP}/revisions/orders--v1/restart")
    assert seen() == "2"


async def test_an_outsider_changes_image_replicas_and_environment(local) -> None:
    await created(local, traffic=[{"revisionName": "orders--v1", "weight": 100}], env=[{"name": "A", "value": "1"}])
    changeable = local.application.changeable
    wanted = {"image": "evil:1", "replicas": 3, "env": {"A": "2", "B": "3"}}
    assert await changeable.change(*SERVICE, wanted)
    found = (await local.arm.get(APP))["properties"]
    name = found["latestRevisionName"]
    changed = await revision(local, name)
    assert (changed["replicas"], changed["trafficWeight"]) == (3, 100)
    assert found["template"]["containers"][0]["image"] == "evil:1"
    assert local.workloads.served[SERVICE].endswith(f"/{name}")
    assert local.workloads.known[local.workloads.served[SERVICE]].env == {"A": "2", "B": "3"}


async def test_an_outsider_deletes_an_app_and_knows_what_is_not_here(local) -> None:
    await created(local)
    assert await local.application.changeable.change(*SERVICE, {"delete": True})
    assert await local.arm.get(APP) is None
    assert not await local.application.changeable.change(*SERVICE, {"image": "x"})


@pytest.mark.parametrize("value", [1, "x", True, [1], [None], [[]], {"a": 1}], ids=str)
@pytest.mark.parametrize(
    "path",
    ["tags", "identity", "properties", "properties.template.scale", "properties.configuration.ingress.traffic"],
)
async def test_bodies_of_another_shape_are_refused_or_harmless(local, path: str, value) -> None:
    await environment(local.arm)
    body = app()
    *outer, last = path.split(".")
    place = body
    for name in outer:
        place = place[name]
    place[last] = value
    headers, query = {"Authorization": "Bearer good"}, {"api-version": "2025-01-01"}
    transport = httpx.ASGITransport(app=local.application)  # past the judge, which would name these bodies
    async with httpx.AsyncClient(transport=transport, base_url="http://arm", headers=headers, params=query) as plain:
        sent = await plain.put(APP, json=body)
        assert sent.status_code < 500, sent.text
        assert (await plain.get(APP)).status_code == (404 if sent.status_code >= 400 else 200)
