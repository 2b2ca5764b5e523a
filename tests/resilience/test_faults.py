"""Dependencies that are away, slow or answer errors: what can be answered is, the rest is a 503 with Retry-After.

What was under way when the fault began ends with a terminal word: completed once the fault is over, or failed by the name
of what was missing when it outlasts the budget (20 s with --quick).
"""

from __future__ import annotations

import time

import httpx
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusSubQueue

from tests.e2e.driving import SETTLED, Json, Platform, Tenant, component, image, until
from tests.e2e.observer import Observer
from tests.resilience.evidence import SOON, completed, deploy, ended, gapless, operation_of, patiently, types
from tests.resilience.processes import kill, until_back
from tests.resilience.releases import at, two_services

MODES = ["down", "slow", "error"]
A_WHILE = 3.0  # seconds a fault lasts
BUDGET = 20.0  # seconds; --quick
QUICKLY = 4.0  # a read that needs nothing of what is away


def unavailable(answer: httpx.Response) -> None:
    """A 503 in the contract's words."""
    assert (answer.status_code, answer.json()["code"]) == (503, "DependencyUnavailable"), answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["cs-schema-version"] == "1.0"


def reads_go_on(tenant: Tenant, environment_id: str, service_id: str) -> None:
    for path in (
        f"/environments/{environment_id}",
        "/environments",
        "/operations",
        f"/services/{service_id}/health?environmentId={environment_id}",
        f"/drift/{environment_id}",
    ):
        began = time.monotonic()
        answer = tenant.request("GET", f"/v1/runtime{path}")
        assert answer.status_code == 200, f"{path}: {answer.text}"
        assert time.monotonic() - began < QUICKLY, path


@pytest.fixture(scope="module")
def standing(resident: Tenant, home: str) -> list[Json]:
    """Two services that run well before anything fails."""
    wanted = two_services()
    completed(resident, home, wanted)
    return wanted


@pytest.mark.parametrize("mode", MODES)
def test_events_wait_for_the_broker_and_nothing_else_does(
    mode: str, hurt: Platform, resident: Tenant, home: str, standing: list[Json], observer: Observer
) -> None:
    with hurt.control.fault("serviceBus", mode):
        ident = deploy(resident, home, two_services())
        reads_go_on(resident, home, standing[0]["moduleId"])
        assert ended(resident, ident)["status"] == "Completed"
    events = types(gapless(observer, home, "RuntimeDeploymentCompleted", deploymentId=ident), deploymentId=ident)
    assert events["RuntimeDeploymentRequested"] == events["RuntimeDeploymentCompleted"] == 1


def test_a_provision_whose_nudge_is_lost_ends_all_the_same(hurt: Platform, tenant: Tenant, observer: Observer) -> None:
    with hurt.control.fault("serviceBus", "down"):
        environment_id = tenant.environment()
    assert types(gapless(observer, environment_id, "RuntimeEnvironmentProvisioned"))["RuntimeEnvironmentProvisioned"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_deployment_and_a_provision_outlive_targets_that_fail_for_a_while(
    mode: str, hurt: Platform, tenant: Tenant, resident: Tenant, home: str, standing: list[Json]
) -> None:
    hurt.control.post("/faults", dependency="arm", mode=mode, seconds=A_WHILE)
    hurt.control.post("/faults", dependency="kubernetes", mode=mode, seconds=A_WHILE)
    began = time.monotonic()
    provision = tenant.provision()
    assert provision.status_code == 202, provision.text
    ident = deploy(resident, home, two_services())
    assert time.monotonic() - began < QUICKLY
    reads_go_on(resident, home, standing[0]["moduleId"])
    assert ended(resident, ident)["status"] == "Completed"
    tenant.provisioned(provision.json()["environmentId"])


def test_what_outlasts_the_budget_fails_by_its_name_and_leaves_all_usable(hurt: Platform, tenant: Tenant) -> None:
    kept = tenant.environment()
    good = two_services()
    completed(tenant, kept, good)
    with hurt.control.fault("arm"), hurt.control.fault("kubernetes"):
        began = time.monotonic()
        failing = operation_of(tenant.provision())
        ident = deploy(tenant, kept, at(good, "2.0.0"))
        lost = tenant.settled(failing, SOON)
        assert (lost["status"], lost["error"]["code"]) == ("Failed", "DependencyUnavailable"), lost
        assert time.monotonic() - began >= BUDGET * 0.7
        until(lambda: tenant.read(f"/deployments/{ident}")["phase"], lambda phase: phase == "RollingBack", SOON)
        rejected = tenant.deploy(kept, good)
        assert (rejected.status_code, rejected.json()["code"]) == (409, "OperationInFlight")
    back = ended(tenant, ident)
    assert (back["status"], back["error"]["code"]) == ("RolledBack", "DependencyUnavailable"), back
    running = hurt.control.running(kept)
    assert running == {one["moduleId"]: {image(one["moduleId"], "1.0.0")} for one in good}
    completed(tenant, kept, at(good, "2.0.0"))


@pytest.mark.parametrize("mode", MODES)
def test_secrets_are_not_bound_on_trust_while_the_vault_is_away(
    mode: str, hurt: Platform, resident: Tenant, home: str
) -> None:
    vault = resident.read(f"/environments/{home}")["outputs"]["vaultUri"]
    secret = {"name": "db", "secretName": f"db-{mode}"}
    hurt.control.set_secret(vault, secret["secretName"], "s3cret")
    body = {
        "tenantId": resident.tenant_id,
        "environmentId": home,
        "serviceId": "svc",
        "vaultUri": vault,
        "secrets": [secret],
    }
    with hurt.control.fault("keyVault", mode):
        answer = resident.post("/secret-bindings", body)
        if mode == "slow" and answer.status_code == 201:
            return
        unavailable(answer)
        assert resident.get("/secret-bindings", params={"environmentId": home}).status_code == 200
    assert resident.post("/secret-bindings", body).status_code == 201


@pytest.mark.parametrize("mode", MODES)
def test_callers_are_still_known_while_the_issuer_is_away(
    mode: str, hurt: Platform, resident: Tenant, home: str, standing: list[Json]
) -> None:
    with hurt.control.fault("issuer", mode):
        reads_go_on(resident, home, standing[0]["moduleId"])
        reads_go_on(hurt.tenant(resident.tenant_id), home, standing[0]["moduleId"])


def test_a_host_that_never_saw_the_issuer_says_so_and_serves_once_it_did(
    hurt: Platform, resident: Tenant, home: str
) -> None:
    with hurt.control.fault("issuer"):
        until_back(hurt, "host", kill(hurt, "host"))
        unavailable(resident.get(f"/environments/{home}"))
        assert hurt.api.get("/alive").status_code == 200
    until(lambda: resident.get(f"/environments/{home}").status_code, lambda status: status == 200, SOON)


@pytest.fixture(scope="module")
def prod(resident: Tenant) -> str:
    return resident.environment(stage="prod")


@pytest.mark.parametrize("mode", MODES)
def test_prod_waits_for_the_policy_point_and_nothing_else_does(
    mode: str, hurt: Platform, resident: Tenant, home: str, prod: str
) -> None:
    before = {one["environmentId"] for one in resident.read("/environments")["environments"]}
    with hurt.control.fault("policy", mode):
        unavailable(resident.deploy(prod, [component()]))
        if mode != "slow":
            unavailable(resident.provision(stage="prod"))
        assert resident.read(f"/environments/{prod}")["status"] == "Provisioned"
        ident = deploy(resident, home, two_services())
    assert {one["environmentId"] for one in resident.read("/environments")["environments"]} == before
    assert resident.read("/deployments", environmentId=prod) == {"deployments": []}
    assert resident.read("/operations", environmentId=prod, status="Running") == {"operations": []}
    assert ended(resident, ident)["status"] == "Completed"


@pytest.mark.parametrize("mode", MODES)
def test_what_runs_goes_on_when_the_store_was_away(mode: str, hurt: Platform, resident: Tenant, home: str) -> None:
    ident = deploy(resident, home, two_services())
    hurt.control.post("/faults", dependency="tables", mode=mode, seconds=A_WHILE)
    answers = [resident.get(f"/environments/{home}") for _ in range(2)]
    for answer in answers:
        if answer.status_code != 200:
            unavailable(answer)
    if mode != "slow":
        unavailable(answers[0])
    until(patiently(lambda: resident.read(f"/environments/{home}")), bool, SOON)
    assert ended(resident, ident)["status"] == "Completed"
    assert resident.read(f"/operations/op-{ident.removeprefix('dep-')}")["status"] in SETTLED
    assert dead_letters(hurt) == []


def dead_letters(platform: Platform) -> list[str]:
    """The ids of the work messages that were given up: a tick that met a fault is left to the next one instead."""
    with (
        ServiceBusClient.from_connection_string(platform.endpoints["serviceBus"]) as client,
        client.get_queue_receiver("runtime-work", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver,
    ):
        return [str(message.message_id) for message in receiver.peek_messages(max_message_count=10)]
