"""Every route of the platform answers as described, when it works and when it does not (`App.serve` holds it to that)."""

from __future__ import annotations

import pytest

from shared.http.openapi.examples import SEED
from tests.contract.app import TENANT, App
from tests.contract.shop import Shop

INTERNAL = "/internal/environments"


@pytest.fixture
async def shop(app: App) -> Shop:
    return await Shop(app).made()


async def test_every_read_answers_as_described(shop: Shop) -> None:
    environment = shop.ids["environmentId"]
    at = f"?environmentId={environment}"
    observed = {"target": "aks", "image": "acr.azurecr.io/cache:7", "replicas": 1, "observedAt": "2026-06-11T18:00:00Z"}
    await shop.app.ask("PUT", f"{INTERNAL}/{environment}/services/cache", observed)
    for path in (
        "/environments",
        f"/environments/{environment}",
        f"/environments/{environment}/timeline?limit=1",
        f"/deployments/{shop.ids['deploymentId']}",
        f"/deployments{at}",
        f"/configurations/{shop.ids['configurationId']}",
        f"/configurations{at}",
        f"/secret-bindings/{shop.ids['secretBindingId']}",
        f"/secret-bindings{at}",
        f"/scaling-policies/{shop.ids['scalingPolicyId']}",
        f"/scaling-policies{at}",
        f"/services/cache/health{at}",
        f"/drift/{environment}",
        f"/operations/{shop.ids['operationId']}",
        f"/operations{at}&status=NotStarted",
        f"{INTERNAL}/{environment}/tenant-binding",
        "//alive",
    ):
        answer, told = await shop.app.ask("GET", path)
        assert answer.status == 200, (path, told)
        head, _ = await shop.app.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")


async def test_an_outline_is_one_of_two_answers(shop: Shop) -> None:
    token = f"{TENANT};runtime.environments.read"
    _, told = await shop.app.ask("GET", f"/operations/{shop.ids['operationId']}", token=token)
    assert set(told) == {"operationId", "kind", "status", "mustSettleBy"}


async def test_every_mutation_answers_as_described(shop: Shop) -> None:
    environment, operation = shop.ids["environmentId"], shop.ids["operationId"]
    seen = {"serviceId": "cache", "target": "aks", "image": "acr.azurecr.io/cache:7", "replicas": 1}
    seen["observedAt"] = "2026-06-11T18:00:00Z"
    result = {"serviceId": "cache", "status": "Healthy", "observedAt": "2026-06-11T18:00:00Z"}
    expected = [
        ("POST", f"{INTERNAL}/{environment}/inventory", {"services": [seen]}, 200),
        ("POST", f"{INTERNAL}/{environment}/health-results", {"results": [result]}, 200),
        ("DELETE", f"{INTERNAL}/{environment}/services/cache", None, 204),
        ("POST", f"/environments/{environment}/release-hold", {}, 200),
        ("POST", f"/operations/{operation}/cancel", {}, 202),
        ("POST", f"/operations/{operation}/retry", {}, 409),
        ("POST", f"/deployments/{shop.ids['deploymentId']}/promote", {"reason": "because"}, 409),
        ("POST", f"/deployments/{shop.ids['deploymentId']}/rollback", {}, 409),
        ("POST", f"/environments/{environment}/decommission", {"confirm": "another"}, 422),
        ("POST", "/scaling-policies", {"tenantId": "another"}, 403),
        ("PUT", f"{INTERNAL}/{environment}/tenant-binding", {"status": "Suspended"}, 200),
        ("POST", f"/environments/{environment}/release-hold", {}, 403),
        ("DELETE", f"{INTERNAL}/{environment}/tenant-binding", None, 204),
    ]
    for method, path, body, status in expected:
        answer, told = await shop.app.ask(method, path, body)
        assert answer.status == status, (path, told)


async def test_every_dry_run_answers_as_described(shop: Shop) -> None:
    environment = shop.ids["environmentId"]
    about = {"tenantId": TENANT, "environmentId": environment}
    for path, body in (
        ("/environments", SEED["environments.provision"].request),
        ("/deployments", {**(SEED["deployments.deploy"].request or {}), **about}),
        ("/scaling-policies", {**(SEED["scaling-policies.apply"].request or {}), **about, "minReplicas": 30}),
        (f"/environments/{environment}/decommission", {"confirm": "booking-prod-weu"}),
        (f"{INTERNAL}/{environment}/inventory", {"services": "none"}),
    ):
        answer, told = await shop.app.ask("POST", f"{path}?dryRun=true", body)
        assert answer.status == 200, told
        assert told["allowed"] is not bool(told["obstacles"])
        assert all(obstacle["code"] for obstacle in told["obstacles"])


async def test_whoever_may_not_is_told_so_as_described(shop: Shop) -> None:
    for route in shop.app.table:
        if route.scopes is None:
            continue
        path = route.path.replace("{environmentId}", shop.ids["environmentId"]).replace("{", "").replace("}", "")
        for token, status in (("", 401), (f"{TENANT};runtime.nothing", 403)):
            answer, _ = await shop.app.ask(route.method, path.lower(), token=token or " ")
            assert answer.status == status, path


async def test_beyond_its_limit_a_tenant_is_told_when_to_come_again_and_another_is_served() -> None:
    app = App(TENANT_REQUESTS_PER_SECOND="0.1")
    first, _ = await app.ask("GET", "/environments")
    refused, told = await app.ask("GET", "/environments")
    assert (first.status, refused.status, told["code"]) == (200, 429, "TooManyRequests")
    assert int(refused.headers["Retry-After"]) >= 1
    other, _ = await app.ask("GET", "/environments", token="another;runtime.environments.read")
    assert other.status == 200
