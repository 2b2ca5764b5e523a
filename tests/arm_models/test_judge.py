"""The judge itself: what it finds, and what it lets pass."""

from __future__ import annotations

import pytest

from tests.arm_models.judge import judge, type_of


def app(**properties):
    return {"location": "westeurope", "tags": {"any": "thing"}, "properties": properties}


def test_a_correct_request_passes() -> None:
    template = {"containers": [{"name": "c", "image": "i", "env": [{"name": "A", "value": "b"}]}]}
    ingress = {"external": True, "targetPort": 8080, "traffic": [{"revisionName": "r", "weight": 100}]}
    body = app(environmentId="/e", configuration={"ingress": ingress}, template=template)
    assert judge("Microsoft.App/containerApps", body, request=True) == []


def test_a_misspelt_property_deep_inside_is_named_by_its_path() -> None:
    body = app(template={"containers": [{"name": "c", "image": "i"}, {"name": "d", "env": [{"name": "A", "val": "b"}]}]})
    assert judge("Microsoft.App/containerApps", body, request=True) == [
        "$.properties.template.containers[1].env[0].val: unknown"
    ]


def test_a_read_only_property_fails_in_a_request_and_passes_in_an_answer() -> None:
    body = app(provisioningState="Succeeded")
    assert judge("Microsoft.App/containerApps", body, request=True) == ["$.properties.provisioningState: read-only"]
    assert judge("Microsoft.App/containerApps", body, request=False) == []


def test_maps_of_models_are_judged_by_value() -> None:
    identity = {"type": "UserAssigned", "userAssignedIdentities": {"/i": {"clientId": "c", "klientId": "c"}}}
    found = judge("Microsoft.App/containerApps", {**app(), "identity": identity}, request=True)
    assert found == [
        "$.identity.userAssignedIdentities./i.clientId: read-only",
        "$.identity.userAssignedIdentities./i.klientId: unknown",
    ]


@pytest.mark.parametrize("name", ["clientId", "principalId"])
def test_flattened_models_of_the_older_generator_are_understood(name: str) -> None:
    body = {"location": "westeurope", "properties": {name: "x", "extra": 1}}
    kind = "Microsoft.ManagedIdentity/userAssignedIdentities"
    assert judge(kind, body, request=True) == [f"$.properties.{name}: read-only", "$.properties.extra: unknown"]


def test_an_unknown_type_is_an_error_not_a_pass() -> None:
    with pytest.raises(KeyError):
        judge("Microsoft.Nothing/things", {}, request=True)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/subscriptions/s/resourceGroups/g", "Microsoft.Resources/resourceGroups"),
        ("/subscriptions/s/resourceGroups/g/resources", "Microsoft.Resources/resources"),
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.App/jobs/j", "Microsoft.App/jobs"),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/jobs/j/start?api-version=1",
            "Microsoft.App/jobs/start",
        ),
        (
            "/s/providers/Microsoft.App/containerApps/a/revisions/r/replicas",
            "Microsoft.App/containerApps/revisions/replicas",
        ),
        ("/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/x", "Microsoft.Authorization/roleAssignments"),
    ],
)
def test_the_type_follows_from_the_path(path: str, kind: str) -> None:
    assert type_of(path) == kind
