from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.targets import container_app_reading as reading

NAME = "orders--r0123456789-abcdef"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEMPLATE = {
    "revisionSuffix": "r0123456789-abcdef",
    "containers": [{"image": "acr/orders:1", "env": [{"name": "A", "value": "1"}, {"name": "S", "secretRef": "kv-1"}]}],
    "scale": {"minReplicas": 2, "maxReplicas": 2, "rules": None},
}


def app(**changes: Any) -> dict[str, Any]:
    properties = {
        "provisioningState": "Succeeded",
        "latestRevisionName": NAME,
        "latestReadyRevisionName": NAME,
        "latestRevisionFqdn": "orders--r.example",
        "template": TEMPLATE,
        "configuration": {
            "ingress": {"traffic": [{"revisionName": NAME, "weight": 100}]},
            "secrets": [{"name": "kv-1", "keyVaultUrl": "https://kv/secrets/s/1"}],
        },
    }
    tags = {"cs-environment-id": "env-1", "cs-service-id": "orders", "cs-promoted": NAME, "cs-stamp": "1.1"}
    return {"name": "orders", "tags": tags | changes.pop("tags", {}), "properties": properties | changes}


def revision(name: str = NAME, **changes: Any) -> dict[str, Any]:
    properties = {
        "active": True,
        "template": TEMPLATE,
        "fqdn": f"{name}.example",
        "replicas": 2,
        "runningState": "Running",
        "healthState": "Healthy",
        "provisioningState": "Provisioned",
    }
    return {"name": name, "properties": properties | changes}


def replica(name: str, *ready: bool) -> dict[str, Any]:
    return {"name": name, "properties": {"containers": [{"ready": one} for one in ready]}}


def test_an_app_at_rest_is_told_by_the_list_alone() -> None:
    assert reading.at_rest(app())
    seen = reading.observation(app(), reading.resting(app()), {}, NOW)
    assert seen.serving is not None
    assert (seen.serving.name, seen.serving.settled, seen.serving.addresses) == (
        "r0123456789",
        True,
        ["https://orders--r.example"],
    )
    assert [one.ready for one in seen.serving.replicas] == [True, True]
    assert seen.env == {"A": "1", "S": "keyvault:https://kv/secrets/s/1"}


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {"cs-promoted": ""}},
        {"tags": {"cs-promoted": "orders--older"}},
        {"latestRevisionName": "orders--newer"},
        {"latestReadyRevisionName": "orders--older"},
        {"provisioningState": "InProgress"},
        {"template": TEMPLATE | {"scale": {"minReplicas": 1, "maxReplicas": 5}}},
        {"template": TEMPLATE | {"scale": {"minReplicas": 2, "maxReplicas": 2, "rules": [{"name": "cpu"}]}}},
        {"configuration": {"ingress": {"traffic": [{"revisionName": "orders--other", "weight": 100}]}}},
        {
            "configuration": {
                "ingress": {"traffic": [{"revisionName": NAME, "weight": 90}, {"latestRevision": True, "weight": 10}]}
            }
        },
    ],
)
def test_anything_in_motion_is_looked_at_closely(changes: dict[str, Any]) -> None:
    expected = "latestRevision" in str(changes.get("configuration"))  # it is the latest: the split is none
    assert reading.at_rest(app(**changes)) is expected


def test_a_split_of_the_traffic_serves_from_the_greatest_share() -> None:
    traffic = [{"revisionName": "orders--a", "weight": 30}, {"revisionName": "orders--b", "weight": 70}]
    assert reading.serving_name(app(configuration={"ingress": {"traffic": traffic}})) == "orders--b"
    assert reading.serving_name(app(configuration={})) is None


def test_readiness_is_that_of_every_container_of_a_replica() -> None:
    replicas = {NAME: [replica("a", True), replica("b", True, False), replica("c")]}
    seen = reading.observation(app(), [revision()], replicas, NOW)
    assert [one.ready for one in seen.revisions[0].replicas] == [True, False, False]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"runningState": "Activating"}, "Activating"),
        ({"runningState": "Failed", "runningStateDetails": "1/1 Container crashing"}, "1/1 Container crashing"),
        ({"provisioningState": "Provisioning"}, "Provisioning"),
        ({"provisioningState": "Failed", "provisioningError": "ImagePullFailed"}, "ImagePullFailed"),
        ({"active": False}, "Inactive"),
    ],
)
def test_a_revision_that_is_not_settled_says_why(changes: dict[str, Any], reason: str) -> None:
    seen = reading.observation(app(), [revision(**changes)], {}, NOW)
    assert (seen.revisions[0].settled, seen.revisions[0].reason) == (False, reason)
    assert not any(one.ready for one in seen.revisions[0].replicas)


def test_an_unhealthy_revision_is_not_ready_for_traffic() -> None:
    assert not reading.ready(revision(healthState="Unhealthy"))
    assert reading.ready(revision(runningState="RunningAtMaxScale"))


def test_inactive_revisions_are_not_shown_unless_they_should_serve() -> None:
    seen = reading.observation(app(), [revision(), revision("orders--old", active=False)], {}, NOW)
    assert [one.name for one in seen.revisions] == ["r0123456789"]


def test_what_was_asked_for_and_never_made_is_shown_with_the_state_of_the_app() -> None:
    asked = app(provisioningState="Failed", template=TEMPLATE | {"revisionSuffix": "rffffffffff-abcdef"})
    seen = reading.observation(asked, [revision()], {}, NOW)
    unborn = next(one for one in seen.revisions if one.name == "rffffffffff")
    assert (unborn.settled, unborn.reason, unborn.replicas, unborn.serving) == (False, "Failed", [], False)


def test_an_autoscalers_count_is_the_count() -> None:
    scale = {"minReplicas": 1, "maxReplicas": 9, "rules": [{"name": "cpu"}]}
    template = TEMPLATE | {"scale": scale}
    seen = reading.observation(app(template=template), [revision(template=template, replicas=6)], {}, NOW)
    assert (seen.replicas, seen.autoscaled) == (6, True)


def test_a_secret_that_is_no_reference_is_named_and_not_shown() -> None:
    configuration = {"ingress": {"traffic": [{"revisionName": NAME, "weight": 100}]}, "secrets": [{"name": "kv-1"}]}
    assert reading.observation(app(configuration=configuration), [revision()], {}, NOW).env["S"] == "secret:kv-1"


def test_an_app_of_another_environment_is_not_ours() -> None:
    assert reading.belongs(app(), "env-1")
    assert not reading.belongs(app(), "env-2")
    assert not reading.belongs({"name": "x", "properties": {}}, "env-1")
