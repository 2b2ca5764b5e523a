"""Configurations and secret bindings: what reaches a workload, and what must never be seen."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.e2e.driving import API, WORKER, Platform, Tenant, component
from tests.e2e.rows import Rows
from tests.e2e.test_http import problem

QUICK = {"stableSeconds": 1}


@pytest.fixture(scope="module")
def ground(platform: Platform) -> tuple[Tenant, str]:
    """An environment for publishing and binding."""
    tenant = platform.fresh_tenant()
    return tenant, tenant.environment()


def publish(ground: tuple[Tenant, str], values: Any, **more: Any) -> httpx.Response:
    tenant, environment_id = ground
    return tenant.post(
        "/configurations", {"tenantId": tenant.tenant_id, "environmentId": environment_id, "values": values, **more}
    )


def bind(ground: tuple[Tenant, str], secrets: list[dict[str, Any]], **more: Any) -> httpx.Response:
    tenant, environment_id = ground
    body = {"tenantId": tenant.tenant_id, "environmentId": environment_id, "serviceId": API, "secrets": secrets}
    return tenant.post("/secret-bindings", {**body, "vaultUri": vault_of(ground), **more})


def vault_of(ground: tuple[Tenant, str]) -> str:
    tenant, environment_id = ground
    return str(tenant.read(f"/environments/{environment_id}")["outputs"]["vaultUri"])


def test_publishing_answers_the_decided_fields(ground: tuple[Tenant, str]) -> None:
    answer = publish(ground, {"LEVEL": "info", "RETRIES": 3, "RATE": 0.5, "ON": True}, comment="first")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body.keys() == {"configurationId", "version", "contentHash", "status", "traceId"}
    assert body["status"] == "Published"
    stored = ground[0].read(f"/configurations/{body['configurationId']}")
    assert stored["values"] == {"LEVEL": "info", "RETRIES": 3, "RATE": 0.5, "ON": True}
    assert (stored["comment"], stored["version"]) == ("first", body["version"])


def test_versions_count_up_per_module(ground: tuple[Tenant, str]) -> None:
    versions = [publish(ground, {"N": n}, moduleId="module-counted").json()["version"] for n in range(3)]
    assert versions == [1, 2, 3]
    assert publish(ground, {"N": 0}, moduleId="module-other").json()["version"] == 1


def test_equal_values_have_an_equal_hash(ground: tuple[Tenant, str]) -> None:
    first, second = (publish(ground, values).json() for values in ({"A": "1", "B": "2"}, {"B": "2", "A": "1"}))
    assert first["contentHash"] == second["contentHash"]
    assert first["configurationId"] != second["configurationId"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DB_PASSWORD", "hunter2-never-echoed"),
        ("API_KEY", "k-never-echoed"),
        ("STORE", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=bmV2ZXItZWNob2Vk;"),
        ("URL", "https://user:never-echoed@db.example"),
        ("CERT", "-----BEGIN RSA PRIVATE KEY-----\nnever-echoed"),
        ("LINK", "https://a.blob.core.windows.net/c?sv=1&sig=bmV2ZXJlY2hvZWRuZXZlcmVjaG9lZA%3D%3D"),
    ],
)
def test_a_value_that_looks_like_a_secret_is_refused_and_never_echoed(
    ground: tuple[Tenant, str], rows: Rows, platform: Platform, key: str, value: str
) -> None:
    answer = publish(ground, {"LEVEL": "info", key: value})
    document = problem(answer, 422, "ValidationFailed")
    assert list(document["errors"]) == [f"values.{key}"]
    assert value not in answer.text
    assert value not in str(rows.partitions(ground[0].tenant_id))
    assert value not in platform.stderr()


def test_values_reach_the_workloads_of_both_targets(platform: Platform, ground: tuple[Tenant, str]) -> None:
    tenant, environment_id = ground
    values = {"LOG_LEVEL": "debug", "RETRIES": 3, "FEATURE": True, "GREETING": "Grüße, 'quoted' \"twice\" $HOME"}
    configuration_id = publish(ground, values).json()["configurationId"]
    components = [component(env={"OWN": "1", "LOG_LEVEL": "trace"}), component(WORKER, target="container-apps")]
    done = tenant.release(environment_id, components, configurationId=configuration_id, gate=QUICK)
    assert done["status"] == "Completed", done
    expected = {"LOG_LEVEL": "debug", "RETRIES": "3", "FEATURE": "true", "GREETING": values["GREETING"]}
    seen = platform.control.workloads(environment_id)
    assert expected.items() <= seen[WORKER]["env"].items()
    assert {**expected, "LOG_LEVEL": "trace", "OWN": "1"}.items() <= seen[API]["env"].items(), "a component's own wins"


def test_a_later_configuration_replaces_what_the_earlier_one_gave(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment()
    here = (tenant, environment_id)
    for values in ({"OLD": "1", "KEPT": "1"}, {"KEPT": "2"}):
        configuration_id = publish(here, values).json()["configurationId"]
        done = tenant.release(environment_id, [component()], configurationId=configuration_id, gate=QUICK)
        assert done["status"] == "Completed", done
    env = platform.control.workloads(environment_id)[API]["env"]
    assert env["KEPT"] == "2"
    assert "OLD" not in env


def test_binding_answers_the_decided_fields_and_shows_references_only(
    platform: Platform, ground: tuple[Tenant, str], rows: Rows
) -> None:
    tenant = ground[0]
    platform.control.set_secret(vault_of(ground), "db", "value-never-shown")
    answer = bind(ground, [{"name": "DB", "secretName": "db"}], rotation={"everyDays": 30, "overlapMinutes": 60})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body.keys() == {"secretBindingId", "status", "traceId"}
    assert body["status"] == "Bound"
    stored = tenant.get(f"/secret-bindings/{body['secretBindingId']}")
    [secret] = stored.json()["secrets"]
    assert (secret["name"], secret["secretName"], len(secret["version"])) == ("DB", "db", 32)
    for seen in (
        stored.text,
        tenant.get(f"/secret-bindings?environmentId={ground[1]}").text,
        str(rows.partitions(tenant.tenant_id)),
    ):
        assert "value-never-shown" not in seen


def test_a_bound_secret_reaches_the_workload_as_a_reference_only(platform: Platform, ground: tuple[Tenant, str]) -> None:
    tenant, environment_id = ground
    platform.control.set_secret(vault_of(ground), "queue", "value-never-resolved-by-us")
    binding = bind(ground, [{"name": "QUEUE", "secretName": "queue"}]).json()["secretBindingId"]
    configuration = publish(ground, {"QUEUE_URL": {"secretRef": f"{binding}/QUEUE"}})
    assert configuration.status_code == 201, configuration.text
    components = [component(version="1.6.0"), component(WORKER, version="1.6.0", target="container-apps")]
    configuration_id = configuration.json()["configurationId"]
    done = tenant.release(environment_id, components, configurationId=configuration_id, gate=QUICK)
    assert done["status"] == "Completed", done
    kept = str(platform.control.workloads(environment_id)) + str(done)
    for module in (API, WORKER):
        assert "QUEUE_URL" in platform.control.workloads(environment_id)[module]["env"]
    assert platform.control.traffic("keyVault", "GET", "/secrets/queue/versions")
    read = [
        path for path in platform.control.traffic("keyVault", "GET", "/secrets/queue") if not path.endswith("/versions")
    ]
    assert not read, "no value is ever read"
    assert "value-never-resolved-by-us" not in kept


@pytest.mark.parametrize(
    ("secrets", "path"),
    [
        ([{"name": "GONE", "secretName": "nobody-made-this"}], "secrets[0]"),
        ([{"name": "OLD", "secretName": "db2", "version": "0" * 32}], "secrets[0]"),
    ],
)
def test_a_secret_without_an_enabled_version_is_refused(
    platform: Platform, ground: tuple[Tenant, str], secrets: list[dict[str, Any]], path: str
) -> None:
    platform.control.set_secret(vault_of(ground), "db2", "x")
    assert list(problem(bind(ground, secrets), 422, "ValidationFailed")["errors"]) == [path]


@pytest.mark.parametrize(
    "vault", ["https://kv-of-somebody-else.vault.azure.net", "https://vault.example", "http://kv.vault.azure.net", "x"]
)
def test_a_vault_that_is_not_allowed_is_refused(ground: tuple[Tenant, str], vault: str) -> None:
    answer = bind(ground, [{"name": "DB", "secretName": "db"}], vaultUri=vault)
    assert list(problem(answer, 422, "ValidationFailed")["errors"]) == ["vaultUri"]


@pytest.mark.parametrize("field", ["value", "secretValue", "plaintext"])
def test_a_value_in_a_binding_is_malformed_and_never_echoed(ground: tuple[Tenant, str], field: str) -> None:
    answer = bind(ground, [{"name": "DB", "secretName": "db", field: "never-echoed-here"}])
    document = problem(answer, 400, "MalformedRequest")
    assert list(document["errors"]) == [f"secrets[0].{field}"]
    assert "never-echoed-here" not in answer.text


@pytest.mark.parametrize("reference", ["x", "sec-0/NAME", f"sec-{'0' * 32}/NAME"])
def test_a_reference_to_what_is_not_bound_is_refused(ground: tuple[Tenant, str], reference: str) -> None:
    """At once where it cannot be one, else with the deployment that names it: it must not run without its secret."""
    tenant, environment_id = ground
    answer = publish(ground, {"QUEUE_URL": {"secretRef": reference}})
    if answer.status_code == 201:
        configuration_id = answer.json()["configurationId"]
        started = tenant.deploy(environment_id, [component(version="1.9.0")], configurationId=configuration_id)
        assert started.status_code in (202, 422), started.text
        if started.status_code == 202:
            ended = tenant.ended(started.json()["deploymentId"])
            assert (ended["status"], ended["error"]["code"]) == ("Failed", "ValidationFailed"), ended
    else:
        problem(answer, 422, "ValidationFailed")
