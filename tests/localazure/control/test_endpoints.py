"""The control API's other routes, over doubles of the stand-ins."""

import jwt
import pytest

from localazure.workloads.loads import Loads


async def test_it_is_healthy(platform):
    assert (await platform.client.get("/health")).status_code == 200


async def test_behaviour_reaches_the_workloads_and_can_be_cleared(platform):
    rule = {"image": "acr.azurecr.io/api:2", "status": "Unhealthy"}
    assert (await platform.client.post("/workloads/behaviour", json=rule)).status_code == 200
    assert platform.workloads.rules == [rule]
    await platform.client.delete("/workloads/behaviour")
    assert platform.workloads.rules == []


async def test_a_body_of_megabytes_is_taken_and_one_over_the_limit_refused(platform):
    large = {"rawBody": "x" * (5 * 1024 * 1024)}
    assert (await platform.client.post("/workloads/behaviour", json=large)).status_code == 200
    larger = {"rawBody": "x" * (9 * 1024 * 1024)}
    assert (await platform.client.post("/workloads/behaviour", json=larger)).status_code == 413


@pytest.mark.parametrize(("body", "says"), [(b"{", "not JSON"), (b"[]", "object"), (b'{"unknown": 1}', "unknown")])
async def test_a_rule_that_cannot_be_understood_is_refused(platform, body, says):
    answer = await platform.client.post("/workloads/behaviour", content=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


async def test_workloads_are_told_as_they_run(platform):
    assert (await platform.client.get("/workloads")).json() == [{"serviceId": "api"}]


async def test_a_load_is_that_of_one_service_until_it_is_said_anew_or_cleared(platform):
    load = {"environmentId": "env-1", "serviceId": "api", "metric": "cpu", "value": 130}
    assert (await platform.client.post("/workloads/load", json=load)).status_code == 200
    assert (
        await platform.client.post("/workloads/load", json=load | {"metric": "memory", "value": 5.5})
    ).status_code == 200
    assert platform.loads.of("env-1", "api") == {"cpu": 130, "memory": 5.5}
    assert platform.loads.of("env-1", "other") == {}
    assert Loads(platform.shelf).of("env-1", "api") == {"cpu": 130, "memory": 5.5}
    await platform.client.delete("/workloads/load")
    assert platform.loads.of("env-1", "api") == Loads(platform.shelf).of("env-1", "api") == {}


@pytest.mark.parametrize("spoil", [{"value": -1}, {"value": "much"}, {"metric": ""}, {"serviceId": None}, {"extra": 1}])
async def test_a_load_that_makes_no_sense_is_refused(platform, spoil):
    load = {"environmentId": "env-1", "serviceId": "api", "metric": "cpu", "value": 130} | spoil
    answer = await platform.client.post("/workloads/load", json=load)
    assert (answer.status_code, next(iter(spoil)) in answer.json()["error"]) == (400, True)


async def test_a_change_reaches_the_stand_in_that_knows_the_service(platform):
    change = {"environmentId": "env-1", "serviceId": "api", "replicas": 3, "env": {"A": "b"}}
    assert (await platform.client.post("/workloads/change", json=change)).status_code == 200
    assert platform.cluster.changes == [("env-1", {"replicas": 3, "env": {"A": "b"}})]


async def test_a_change_of_a_service_nobody_knows_is_404(platform):
    change = {"environmentId": "env-1", "serviceId": "ghost", "delete": True}
    answer = await platform.client.post("/workloads/change", json=change)
    assert answer.status_code == 404
    assert "ghost" in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"serviceId": "api", "image": "a:1"}, "environmentId"),
        ({"environmentId": "e", "serviceId": "api"}, "one of image"),
        ({"environmentId": "e", "serviceId": "api", "replicas": -1}, "replicas"),
        ({"environmentId": "e", "serviceId": "api", "env": {"A": 1}}, "env.A"),
        ({"environmentId": "e", "serviceId": "api", "colour": "red"}, "colour"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(platform, change, says):
    answer = await platform.client.post("/workloads/change", json=change)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


async def test_a_policy_override_holds_until_it_is_lifted(platform):
    wanted = {"allow": False, "reasons": ["frozen"], "obligations": {"approval": "board"}, "seconds": 30}
    assert (await platform.client.post("/policy", json=wanted)).status_code == 200
    assert platform.overrides.current().document() == {
        "allow": False,
        "reasons": ["frozen"],
        "obligations": {"approval": "board"},
    }
    await platform.client.delete("/policy")
    assert platform.overrides.current() is None


async def test_a_token_is_made_as_ordered_and_rotation_changes_the_key(platform):
    order = {"claims": {"tenantId": "acme", "jti": None}, "header": {"typ": "JWT"}}
    before = (await platform.client.post("/issuer/token", json=order)).json()["token"]
    kid = (await platform.client.post("/issuer/rotate")).json()["kid"]
    after = (await platform.client.post("/issuer/token")).json()["token"]
    claims = jwt.decode(before, options={"verify_signature": False})
    assert (claims["tenantId"], "jti" in claims) == ("acme", False)
    assert jwt.get_unverified_header(before)["kid"] != kid == jwt.get_unverified_header(after)["kid"]


async def test_an_encrypted_token_has_five_parts(platform):
    token = (await platform.client.post("/issuer/token", json={"encrypt": True})).json()["token"]
    assert token.count(".") == 4


@pytest.mark.parametrize("order", [{"key": "stolen"}, {"claims": []}, {"encrypt": "yes"}, {"tenant": "a"}])
async def test_a_token_order_that_makes_no_sense_is_refused(platform, order):
    answer = await platform.client.post("/issuer/token", json=order)
    assert answer.status_code == 400
    assert next(iter(order)) in answer.json()["error"]


async def test_a_secret_is_put_where_the_vault_is(platform):
    secret = {"vaultUri": "https://kv.vault.azure.net", "name": "db", "value": "v"}
    assert (await platform.client.post("/secrets", json=secret)).status_code == 200
    assert platform.vault.secrets == {"db": "v"}
    told = await platform.client.get("/secrets", params={"vaultUri": secret["vaultUri"], "name": "db"})
    assert told.json() == {"v1": False, "v2": True}, "which versions are enabled, and nothing else of them"
    answer = await platform.client.post("/secrets", json={**secret, "vaultUri": "https://other.example"})
    assert answer.status_code == 400


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/faults", 405)])
async def test_other_routes_are_refused_as_json(platform, method, path, status):
    answer = await platform.client.request(method, path)
    assert answer.status_code == status
    assert path in answer.json()["error"]
