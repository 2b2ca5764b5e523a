"""One Idempotency-Key, one effect, however often and however at once it is asked for."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from tests.e2e.conftest import Shop
from tests.e2e.driving import ENVIRONMENT, Platform, Tenant, at_once, component
from tests.e2e.observer import Observer
from tests.e2e.rows import Rows
from tests.e2e.test_http import problem

RACERS = 20


def key() -> dict[str, str]:
    return {"Idempotency-Key": f"key-{uuid.uuid4()}"}


def body(tenant: Tenant, name: str = "raced", **changes: Any) -> dict[str, Any]:
    return {**ENVIRONMENT, "tenantId": tenant.tenant_id, "name": name, **changes}


def test_twenty_racers_make_one_environment_and_get_one_answer(
    platform: Platform, tenant: Tenant, rows: Rows, observer: Observer
) -> None:
    headers, wanted, control = key(), body(tenant), platform.control
    answers = at_once([lambda: tenant.post("/environments", wanted, headers=headers)] * RACERS)
    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    for name in ("Location", "Operation-Location", "Retry-After"):
        assert len({answer.headers[name] for answer in answers}) == 1
    environment_id = tenant.provisioned(answers[0].json()["environmentId"])
    assert [one["environmentId"] for one in tenant.read("/environments")["environments"]] == [environment_id]
    [operation] = tenant.read("/operations")["operations"]
    steps = [step["name"] for step in operation["steps"]]
    assert (operation["status"], operation["attempt"], len(steps)) == ("Succeeded", 1, len(set(steps)))
    made = control.traffic("arm", "PUT", f"rg-{environment_id}")
    assert made, "the resources were made through ARM"
    assert set(made.values()) == {1}, "each of them once"
    assert len(observer.wait(environment_id, "RuntimeEnvironmentProvisioned")) == 1
    attempts = [one for one in rows.log(tenant.tenant_id) if one["kind"].startswith("environment.provision-")]
    outcomes = [one["outcome"] for one in attempts]
    assert sorted(outcomes) == ["Allowed"] + ["Replayed"] * (RACERS - 1)


def configure(tenant: Tenant, shop: Shop, headers: dict[str, str], values: dict[str, Any] | None = None) -> httpx.Response:
    about = {"tenantId": tenant.tenant_id, "environmentId": shop.environment_id}
    return tenant.post("/configurations", {**about, "values": values or {"A": "1", "B": 2}}, headers=headers)


def test_the_same_key_with_another_body_is_refused(shop: Shop) -> None:
    headers = key()
    assert configure(shop.tenant, shop, headers).status_code == 201
    problem(configure(shop.tenant, shop, headers, {"A": "2"}), 422, "IdempotencyKeyReused")


def test_the_order_of_members_does_not_make_another_body(shop: Shop) -> None:
    headers = key()
    first, again = (configure(shop.tenant, shop, headers, values) for values in ({"A": "1", "B": 2}, {"B": 2, "A": "1"}))
    assert (first.status_code, again.content) == (201, first.content)


def test_a_key_belongs_to_one_client(platform: Platform, shop: Shop) -> None:
    headers, colleague = key(), platform.tenant(shop.tenant.tenant_id, client_id="another-client")
    mine, theirs = (configure(caller, shop, headers) for caller in (shop.tenant, colleague))
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["configurationId"] != theirs.json()["configurationId"]


def test_a_key_belongs_to_one_tenant(platform: Platform, tenant: Tenant) -> None:
    headers, other = key(), platform.fresh_tenant()
    mine, theirs = (caller.post("/environments", body(caller), headers=headers) for caller in (tenant, other))
    assert (mine.status_code, theirs.status_code) == (202, 202)
    assert mine.json()["environmentId"] != theirs.json()["environmentId"]


def test_a_failed_attempt_is_not_remembered(shop: Shop) -> None:
    headers = key()
    problem(configure(shop.tenant, shop, headers, {"PASSWORD": "x"}), 422, "ValidationFailed")
    assert configure(shop.tenant, shop, headers).status_code == 201


def test_a_key_is_bare_or_quoted_and_the_same(shop: Shop) -> None:
    bare = f"key-{uuid.uuid4()}"
    first, again = (configure(shop.tenant, shop, {"Idempotency-Key": spelled}) for spelled in (bare, f'"{bare}"'))
    assert (first.status_code, again.content) == (201, first.content)


def test_racing_deployments_without_a_key_leave_one_operation(tenant: Tenant) -> None:
    environment_id = tenant.environment()
    answers = at_once([lambda: tenant.deploy(environment_id, [component()])] * 6)
    won = [answer for answer in answers if answer.status_code == 202]
    assert len(won) == 1, [answer.text for answer in answers]
    for lost in (answer for answer in answers if answer.status_code != 202):
        document = problem(lost, 409, "OperationInFlight")
        assert document["operationId"] == won[0].headers["Operation-Location"].rpartition("/")[2]
        assert document["mustSettleBy"].endswith("Z")
    assert tenant.ended(won[0].json()["deploymentId"])["status"] == "Completed"


def test_racing_configurations_with_one_key_are_one_version(shop: Shop) -> None:
    about = {"tenantId": shop.tenant.tenant_id, "environmentId": shop.environment_id, "moduleId": "module-raced"}
    headers = key()
    wanted = {**about, "values": {"LEVEL": "one"}}
    answers = at_once([lambda: shop.tenant.post("/configurations", wanted, headers=headers)] * 8)
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["version"] == 1


def test_racing_names_are_taken_once(tenant: Tenant) -> None:
    answers = at_once([lambda: tenant.provision(name="contended")] * 6)
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [202] + [409] * 5, [answer.text for answer in answers]
    for lost in (answer for answer in answers if answer.status_code == 409):
        problem(lost, 409, "NameTaken")
