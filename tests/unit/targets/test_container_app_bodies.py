from __future__ import annotations

import pytest

from shared.kernel.errors import Refused
from shared.targets import container_app_bodies as bodies
from shared.targets.port import HealthProbe, Measure, Scaling, SecretReference, Site, Stamp, Workload
from tests.arm_models.judge import judge

APP = "Microsoft.App/containerApps"


def whole(site: Site, stamp: Stamp, workload: Workload) -> dict:
    content = bodies.template(site, workload)
    traffic = bodies.all_traffic(bodies.revision_name(site, workload))
    return bodies.app(site, stamp, workload, content, traffic, bodies.secrets(site, workload))


def changed(workload: Workload, **values: object) -> Workload:
    return workload.model_copy(update=values)


@pytest.mark.parametrize("metric", [None, "cpu", "memory", "requests", "queue-length"])
@pytest.mark.parametrize("probe", ["json", "grpc"])
def test_the_official_models_know_every_property(
    site: Site, stamp: Stamp, workload: Workload, policy: Scaling, metric: str | None, probe: str
) -> None:
    scaling = policy.model_copy(update={"metric": metric}) if metric else None
    wanted = changed(workload, scaling=scaling, health=HealthProbe(format=probe))  # type: ignore[arg-type]
    assert judge(APP, whole(site, stamp, wanted), request=True) == []


def test_an_app_says_whose_it_is_and_who_changed_it(site: Site, stamp: Stamp, workload: Workload) -> None:
    assert whole(site, stamp, workload)["tags"] == {
        "cs-tenant-id": "tenant",
        "cs-project-id": "project",
        "cs-environment-id": "env-0123456789abcdef",
        "cs-stage": "prod",
        "cs-service-id": "orders",
        "cs-operation-id": "op-1",
        "cs-attempt": "2",
        "cs-stamp": "4.2",
        "cs-release": "dep-1",
    }


def test_the_name_of_a_revision_leads_back_to_the_workload_and_fits(site: Site, workload: Workload) -> None:
    name = bodies.revision_name(site, changed(workload, service_id="x" * 64))
    assert bodies.revision_of(bodies.revision_name(site, workload)) == workload.revision
    assert len(name) <= 54


@pytest.mark.parametrize(
    "name", ["orders--k3jd8fa", "orders--", "orders", "orders--r0123456789", "orders--r012345678x-abcdef"]
)
def test_a_revision_that_somebody_else_made_is_not_ours(name: str) -> None:
    assert bodies.revision_of(name) is None


def test_another_count_is_another_revision_of_the_same_workload(site: Site, workload: Workload, policy: Scaling) -> None:
    variants = [workload, changed(workload, replicas=4), changed(workload, scaling=policy)]
    names = {bodies.revision_name(site, one) for one in variants}
    assert len(names) == 3
    assert {bodies.revision_of(name) for name in names} == {workload.revision}


def test_references_become_secrets_by_version_and_no_value_is_sent(site: Site, stamp: Stamp, workload: Workload) -> None:
    body = whole(site, stamp, workload)
    secret = body["properties"]["configuration"]["secrets"][0]
    variables = body["properties"]["template"]["containers"][0]["env"]
    assert secret == {
        "name": secret["name"],
        "keyVaultUrl": "https://kv-one.vault.azure.net/secrets/sql/v1",
        "identity": site.outputs["identityId"],
    }
    assert variables == [{"name": "MODE", "value": "fast"}, {"name": "SQL", "secretRef": secret["name"]}]
    newer = SecretReference(vault_uri="https://kv-one.vault.azure.net", secret_name="sql", version="v2")
    assert bodies.secret_name(newer) != secret["name"]


def test_one_reference_under_two_names_is_one_secret(site: Site, workload: Workload) -> None:
    reference = workload.env["SQL"]
    assert len(bodies.secrets(site, changed(workload, env={"A": reference, "B": reference}))) == 1


def test_without_a_policy_there_are_exactly_as_many_replicas(site: Site, workload: Workload) -> None:
    assert bodies.scale(site, workload) == {"minReplicas": 3, "maxReplicas": 3, "rules": []}
    assert bodies.scale(site, changed(workload, replicas=0)) == {"minReplicas": 0, "maxReplicas": 1, "rules": []}


@pytest.mark.parametrize(
    ("metric", "rule"),
    [
        ("cpu", {"custom": {"type": "cpu", "metadata": {"type": "Utilization", "value": "65"}}}),
        ("memory", {"custom": {"type": "memory", "metadata": {"type": "Utilization", "value": "65"}}}),
        ("requests", {"http": {"metadata": {"concurrentRequests": "65"}}}),
    ],
)
def test_a_policy_is_bounds_and_one_rule(
    site: Site, workload: Workload, policy: Scaling, metric: str, rule: dict[str, object]
) -> None:
    scale = bodies.scale(site, changed(workload, scaling=policy.model_copy(update={"metric": metric})))
    assert scale == {"minReplicas": 2, "maxReplicas": 20, "rules": [{"name": metric, **rule}]}


@pytest.mark.parametrize("metric", ["cpu", "memory", "requests", "queue-length"])
@pytest.mark.parametrize("percent", [1, 65, 100])
def test_a_rule_is_read_as_it_was_written(
    site: Site, workload: Workload, policy: Scaling, metric: str, percent: int
) -> None:
    wanted = policy.model_copy(update={"metric": metric, "target_utilization_percent": percent})
    [rule] = bodies.scale(site, changed(workload, scaling=wanted))["rules"]
    assert bodies.measure(rule, "orders") == wanted.measure


@pytest.mark.parametrize(
    ("rule", "measure"),
    [
        ({"name": "night", "custom": {"type": "cron", "metadata": {"timezone": "UTC"}}}, "cron"),
        ({"name": "q", "custom": {"type": "azure-servicebus", "metadata": {"queueName": "billing"}}}, "azure-servicebus"),
        ({"name": "cpu", "custom": {"type": "cpu", "metadata": {"type": "AverageValue", "value": "500m"}}}, "cpu"),
        ({"name": "web", "http": {"metadata": {"concurrentRequests": "many"}}}, "requests"),
        ({"name": "odd"}, "odd"),
    ],
)
def test_a_rule_that_no_policy_can_say_goes_by_its_own_name(rule: dict[str, object], measure: str) -> None:
    assert bodies.measure(rule, "orders") == Measure(metric=measure)


def test_a_queue_is_watched_with_the_apps_own_identity(site: Site, workload: Workload, policy: Scaling) -> None:
    wanted = changed(workload, scaling=policy.model_copy(update={"metric": "queue-length", "scale_to_zero": True}))
    scale = bodies.scale(site, wanted)
    assert scale["minReplicas"] == 0
    rule = scale["rules"][0]["custom"]
    assert (rule["type"], rule["identity"]) == ("azure-servicebus", site.outputs["identityId"])
    assert rule["metadata"] == {"queueName": "orders", "namespace": "sb-one", "messageCount": "65"}


@pytest.mark.parametrize("missing", ["managedEnvironmentId", "serviceBusNamespace"])
def test_what_the_engine_did_not_put_out_is_refused_by_name(
    site: Site, stamp: Stamp, workload: Workload, policy: Scaling, missing: str
) -> None:
    outputs = {name: value for name, value in site.outputs.items() if name != missing}
    wanted = changed(workload, scaling=policy.model_copy(update={"metric": "queue-length"}))
    with pytest.raises(Refused):
        whole(site.model_copy(update={"outputs": outputs}), stamp, wanted)


def test_images_of_a_private_registry_are_pulled_with_the_identity(site: Site, stamp: Stamp, workload: Workload) -> None:
    registries = whole(site, stamp, workload)["properties"]["configuration"]["registries"]
    assert registries == [{"server": "acr.azurecr.io", "identity": site.outputs["identityId"]}]
    public = whole(site, stamp, changed(workload, image="mcr.example/orders:1"))
    assert "registries" not in public["properties"]["configuration"]


def test_rescaling_what_somebody_else_made_changes_the_scale_alone() -> None:
    resources = {"cpu": 1, "ephemeralStorage": "2Gi"}
    standing = {
        "containers": [{"image": "i", "resources": resources}],
        "scale": {"minReplicas": 1},
        "revisionSuffix": "k3j",
    }
    content = bodies.rescaled(standing, "x", {"minReplicas": 4})
    assert content["containers"] == [{"image": "i", "resources": {"cpu": 1}}]
    assert content["scale"] == {"minReplicas": 4}
    assert content["revisionSuffix"].startswith("x-")
    assert resources["ephemeralStorage"] == "2Gi"
