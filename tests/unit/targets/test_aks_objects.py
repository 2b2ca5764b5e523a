from __future__ import annotations

import json
from typing import Any

import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, Namespace, Service

from shared.kernel.errors import Refused
from shared.targets import aks_objects as objects
from shared.targets import aks_scaling as scaling
from shared.targets.port import HealthProbe, Measure, ObservedBounds, Scaling, Site, Stamp, Workload

MODELS: dict[str, Any] = {
    "Namespace": Namespace,
    "Deployment": Deployment,
    "Service": Service,
    "ConfigMap": ConfigMap,
    "HorizontalPodAutoscaler": HorizontalPodAutoscaler,
}


def unknown(body: Any, known: Any, path: str = "$") -> list[str]:
    """Paths that the API's models dropped when they read the body."""
    if isinstance(body, dict):
        if not isinstance(known, dict):
            return [path]
        return [p for key, value in body.items() for p in unknown(value, known.get(key), f"{path}.{key}")]
    if isinstance(body, list):
        return [
            p for n, (one, other) in enumerate(zip(body, known, strict=True)) for p in unknown(one, other, f"{path}[{n}]")
        ]
    return [] if body == known else [path]


@pytest.mark.parametrize("probe", ["json", "plain", "grpc"])
@pytest.mark.parametrize("metric", ["cpu", "memory", "requests", "queue-length"])
def test_the_apis_models_know_every_field(
    site: Site, stamp: Stamp, workload: Workload, policy: Scaling, metric: str, probe: str
) -> None:
    one_metric = policy.model_copy(update={"metric": metric})
    wanted = workload.model_copy(update={"health": HealthProbe(format=probe)})  # type: ignore[arg-type]
    rendered = [
        objects.namespace(site),
        objects.config_map(site, wanted),
        objects.service(site, wanted),
        objects.deployment(site, stamp, wanted, "7"),
        objects.birth(site, stamp, wanted),
        scaling.autoscaler(site, stamp, wanted, one_metric, "7"),
    ]
    for body in rendered:
        assert unknown(body, MODELS[body["kind"]].from_dict(body).to_dict()) == []


def test_the_count_and_the_rest_never_meet_in_one_document(site: Site, stamp: Stamp, workload: Workload) -> None:
    assert "replicas" not in objects.deployment(site, stamp, workload)["spec"]
    assert scaling.count(site, "orders", 3, "7")["spec"] == {"replicas": 3}
    assert "spec" not in objects.mark(site, stamp, "orders", "7")


def test_all_that_a_deployment_is_born_with_is_named_by_every_later_apply(
    site: Site, stamp: Stamp, workload: Workload
) -> None:
    def paths(body: Any, path: str = "") -> set[str]:
        if isinstance(body, dict):
            return {p for key, value in body.items() for p in paths(value, f"{path}.{key}")}
        if isinstance(body, list):
            return {p for n, one in enumerate(body) for p in paths(one, f"{path}[{n}]")}
        return {path}

    born = paths(objects.birth(site, stamp, workload)) - {".spec.replicas"}
    assert born <= paths(objects.deployment(site, stamp, workload))


def test_a_template_follows_from_the_workload_alone(site: Site, workload: Workload) -> None:
    first, later = (Stamp(operation_id=f"op-{n}", generation=n, attempt=n) for n in (1, 9))
    one, other = (objects.deployment(site, stamp, workload)["spec"]["template"] for stamp in (first, later))
    assert one == other
    scaled = workload.model_copy(update={"replicas": 7})
    assert objects.deployment(site, first, scaled)["spec"]["template"] == one


def test_a_deployment_says_whose_it_is_and_who_changed_it(site: Site, stamp: Stamp, workload: Workload) -> None:
    metadata = objects.deployment(site, stamp, workload)["metadata"]
    assert metadata["labels"] == {
        "cs.connectsoft.ai/environment-id": "env-0123456789abcdef",
        "cs.connectsoft.ai/service-id": "orders",
        "app.kubernetes.io/name": "orders",
    }
    marks = {key.partition("/")[2]: value for key, value in metadata["annotations"].items()}
    assert (marks["tenant-id"], marks["operation-id"], marks["attempt"], marks["stamp"]) == ("tenant", "op-1", "2", "4.2")
    assert (marks["service"], marks["release"]) == ("orders", "dep-1")


def test_no_replica_ends_before_another_is_ready(site: Site, stamp: Stamp, workload: Workload) -> None:
    strategy = objects.deployment(site, stamp, workload)["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}}


def test_pods_are_admitted_where_pod_security_is_restricted(site: Site, stamp: Stamp, workload: Workload) -> None:
    spec = objects.deployment(site, stamp, workload)["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert spec["automountServiceAccountToken"] is False


def test_a_reference_is_a_file_of_its_version_and_no_value_is_in_the_api(
    site: Site, stamp: Stamp, workload: Workload
) -> None:
    assert objects.config_map(site, workload)["data"]["SQL"] == "/mnt/secrets/kv-one/SQL"
    spec = objects.deployment(site, stamp, workload)["spec"]["template"]["spec"]
    assert spec["containers"][0]["volumeMounts"] == [
        {"name": "vault-kv-one", "mountPath": "/mnt/secrets/kv-one", "readOnly": True}
    ]
    (known,) = objects.secret_classes(site, workload)
    csi = spec["volumes"][0]["csi"]
    assert csi["volumeAttributes"]["secretProviderClass"] == known["metadata"]["name"]
    assert workload.revision in known["metadata"]["name"]
    wanted = {"objectName": "sql", "objectType": "secret", "objectVersion": "v1", "objectAlias": "SQL"}
    assert [json.loads(one) for one in json.loads(known["spec"]["parameters"]["objects"])["array"]] == [wanted]
    assert "secretObjects" not in known["spec"]


def test_a_workload_without_references_mounts_nothing(site: Site, stamp: Stamp, workload: Workload) -> None:
    plain = workload.model_copy(update={"env": {"MODE": "fast"}})
    spec = objects.deployment(site, stamp, plain)["spec"]["template"]["spec"]
    assert objects.secret_classes(site, plain) == []
    assert "volumes" not in spec
    assert "volumeMounts" not in spec["containers"][0]


def test_zero_is_one_for_an_autoscaler(site: Site, stamp: Stamp, workload: Workload, policy: Scaling) -> None:
    to_zero = policy.model_copy(update={"scale_to_zero": True, "min_replicas": 0})
    spec = scaling.autoscaler(site, stamp, workload.model_copy(update={"scaling": to_zero}), to_zero)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 20)


@pytest.mark.parametrize("metric", ["cpu", "memory", "requests", "queue-length"])
@pytest.mark.parametrize("percent", [1, 65, 100])
def test_what_an_autoscaler_goes_by_is_read_as_it_was_written(
    site: Site, stamp: Stamp, workload: Workload, policy: Scaling, metric: str, percent: int
) -> None:
    wanted = policy.model_copy(update={"metric": metric, "target_utilization_percent": percent})
    scaler = scaling.autoscaler(site, stamp, workload.model_copy(update={"scaling": wanted}), wanted)
    assert scaling.observed(scaler) == ObservedBounds(min_replicas=2, max_replicas=20, measures=[wanted.measure])


@pytest.mark.parametrize(
    ("metric", "measure"),
    [
        (
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "500m"}}},
            "cpu",
        ),
        ({"type": "Pods", "pods": {"metric": {"name": "frames"}, "target": {"averageValue": "7"}}}, "frames"),
        (
            {
                "type": "External",
                "external": {
                    "metric": {"name": "servicebus_active_messages", "selector": {"matchLabels": {"queue": "billing"}}},
                    "target": {"averageValue": "65"},
                },
            },
            "servicebus_active_messages",
        ),
        ({"type": "ContainerResource"}, "ContainerResource"),
        ({}, ""),
    ],
)
def test_what_no_policy_can_say_goes_by_the_targets_own_name(metric: dict[str, object], measure: str) -> None:
    scaler = {"spec": {"scaleTargetRef": {"name": "orders"}, "maxReplicas": 3, "metrics": [metric]}}
    found = scaling.observed(scaler)
    assert found is not None
    assert found.measures == [Measure(metric=measure)]


def test_settings_that_somebody_added_are_taken_out(site: Site, workload: Workload) -> None:
    wanted = objects.config_map(site, workload)
    standing = {**wanted, "data": {**wanted["data"], "EXTRA": "1"}}
    removal = objects.without_additions(wanted, standing)
    assert removal is not None
    assert removal["data"] == {"EXTRA": None}
    assert objects.without_additions(wanted, wanted) is None


def test_an_edit_of_what_runs_is_recognised_and_defaults_are_not_one(site: Site, stamp: Stamp, workload: Workload) -> None:
    applied = objects.deployment(site, stamp, workload)
    container = applied["spec"]["template"]["spec"]["containers"][0]
    container |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"}
    assert not objects.is_edited(applied)
    container["env"] = [{"name": "EXTRA", "value": "1"}]
    assert objects.is_edited(applied)
    assert not objects.is_edited(objects.birth(site, stamp, workload))


def test_an_environment_without_a_namespace_is_refused(site: Site) -> None:
    with pytest.raises(Refused):
        objects.namespace(site.model_copy(update={"outputs": {}}))
