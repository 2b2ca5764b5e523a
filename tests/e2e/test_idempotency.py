"""One Idempotency-Key, one effect, however often and however at once it is asked for."""

from __future__ import annotations

import uuid
from typing import Any

from tests.e2e.conftest import Shop
from tests.e2e.driving import ENVIRONMENT, Platform, Tenant, at_once, component
from tests.e2e.rows import Rows
from tests.e2e.test_http import problem

RACERS = 20


def key() -> dict[str, str]:
    return {"Idempotency-Key": f"key-{uuid.uuid4()}"}


def body(tenant: Tenant, name: str = "raced", **changes: Any) -> dict[str, Any]:
    return {**ENVIRONMENT, "tenantId": tenant.tenant_id, "name": name, **changes}


def test_twenty_racers_make_one_environment_and_get_one_answer(platform: Platform, tenant: Tenant, rows: Rows) -> None:
    headers, wanted, control = key(), body(tenant), platform.control
    started = sum(control.traffic("arm", "POST", "/start").values())
    answers = at_once([lambda: tenant.post("/environments", wanted, headers=headers)] * RACERS)
    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    for name in ("Location", "Operation-Location", "Retry-After"):
        assert len({answer.headers[name] for answer in answers}) == 1
    environment_id = tenant.provisioned(answers[0].json()["environmentId"])
    assert [one["environmentId"] for one in tenant.read("/environments")["environments"]] == [environment_id]
    assert len(tenant.read("/operations")["operations"]) == 1
    made = {path: count for path, count in control.traffic("arm", "PUT", f"rg-{environment_id}").items()}
    assert made, "the resources were made through ARM"
    assert set(made.values()) == {1}, "each of them once"
    assert sum(control.traffic("arm", "POST", "/start").values()) == started + 1, "one orchestration starts one job"
    outcomes = [
        one["outcome"]
        for one in rows.log(tenant.tenant_id)
        if one["kind"] in ("environments.provision", "environment.provision-requested")
    ]
    assert sorted(outcomes) == ["Allowed"] + ["Replayed"] * (RACERS - 1)


def test_the_same_key_with_another_body_is_refused(tenant: Tenant) -> None:
    headers = key()
    assert tenant.post("/environments", body(tenant), headers=headers).status_code == 202
    problem(tenant.post("/environments", body(tenant, "another"), headers=headers), 422, "IdempotencyKeyReused")
    assert len(tenant.read("/environments")["environments"]) == 1


def test_the_order_of_members_does_not_make_another_body(tenant: Tenant) -> None:
    headers, wanted = key(), body(tenant)
    first = tenant.post("/environments", wanted, headers=headers)
    again = tenant.post("/environments", dict(reversed(wanted.items())), headers=headers)
    assert (first.status_code, again.content) == (202, first.content)


def test_a_key_belongs_to_one_tenant_and_one_client(platform: Platform, tenant: Tenant) -> None:
    headers, other = key(), platform.fresh_tenant()
    mine = tenant.post("/environments", body(tenant), headers=headers)
    theirs = other.post("/environments", body(other), headers=headers)
    assert (mine.status_code, theirs.status_code) == (202, 202)
    assert mine.json()["environmentId"] != theirs.json()["environmentId"]
    colleague = platform.tenant(tenant.tenant_id, client_id="another-client")
    own = colleague.post("/environments", body(tenant, "own"), headers=headers)
    assert own.status_code == 202, own.text


def test_a_failed_attempt_is_not_remembered(tenant: Tenant) -> None:
    headers = key()
    problem(tenant.post("/environments", body(tenant, region="Not A Region"), headers=headers), 422, "ValidationFailed")
    assert tenant.post("/environments", body(tenant), headers=headers).status_code == 202


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


def test_a_key_is_bare_or_quoted_and_the_same(tenant: Tenant) -> None:
    first = tenant.post("/environments", body(tenant), headers={"Idempotency-Key": "one-key"})
    again = tenant.post("/environments", body(tenant), headers={"Idempotency-Key": '"one-key"'})
    assert (first.status_code, again.content) == (202, first.content)
