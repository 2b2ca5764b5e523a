"""The pure rules: traffic, templates, paths."""

from __future__ import annotations

import random

import pytest

from localazure.arm import template, traffic
from localazure.arm.bodies import merged
from localazure.arm.errors import ArmError
from localazure.arm.target import parse


def properties(mode: str, *entries: dict) -> dict:
    return {"configuration": {"activeRevisionsMode": mode, "ingress": {"traffic": list(entries)}}}


def test_single_mode_gives_everything_to_the_latest_ready_revision() -> None:
    assert traffic.weights(properties("Single", {"revisionName": "old", "weight": 100}), "new") == {"new": 100}


def test_multiple_mode_adds_up_the_weights_of_a_revision() -> None:
    entries = (
        {"revisionName": "a", "weight": 30},
        {"latestRevision": True, "weight": 20},
        {"revisionName": "b", "weight": 50},
    )
    split = traffic.weights(properties("Multiple", *entries), "b")
    assert split == {"a": 30, "b": 70}
    assert traffic.heaviest(split) == "b"


def test_of_equals_the_first_declared_serves() -> None:
    assert traffic.heaviest({"a": 50, "b": 50}) == "a"
    assert traffic.heaviest({}) is None


def test_requests_are_drawn_by_weight() -> None:
    draw = random.Random(1)  # noqa: S311 - a repeatable test
    drawn = [traffic.drawn({"a": 75, "b": 25, "c": 0}, draw) for _ in range(2000)]
    assert drawn.count("c") == 0
    assert 0.2 < drawn.count("b") / 2000 < 0.3
    assert traffic.drawn({"a": 0}, draw) is None


def test_an_entry_names_a_revision_or_the_latest_not_both() -> None:
    with pytest.raises(ArmError):
        traffic.check(properties("Multiple", {"revisionName": "a", "latestRevision": True, "weight": 100}), {"a"})
    with pytest.raises(ArmError):
        traffic.check(properties("Labels", {"latestRevision": True, "weight": 100}), set())


@pytest.mark.parametrize(("scale", "count"), [({}, 1), ({"minReplicas": 0}, 1), ({"minReplicas": 4}, 4)])
def test_an_active_revision_has_its_minimum_and_at_least_one(scale: dict, count: int) -> None:
    assert template.replicas({"scale": scale}) == count


def test_the_suffix_is_a_name_and_no_content() -> None:
    assert template.same({"revisionSuffix": "a", "containers": [1]}, {"containers": [1], "volumes": None})
    assert not template.same({"containers": [1]}, {"containers": [2]})


def test_drawn_suffixes_are_valid() -> None:
    assert all(template.SUFFIX.fullmatch(template.drawn_suffix()) for _ in range(100))


def test_a_merge_patch_merges_objects_replaces_lists_and_removes_nulls() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merged(base, {"a": {"c": [3], "e": {"f": None, "g": 1}}, "d": None}) == {"a": {"b": 1, "c": [3], "e": {"g": 1}}}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_the_last_provider_of_a_path_decides() -> None:
    scope = "/subscriptions/s/RESOURCEGROUPS/g/providers/Microsoft.App/containerApps/a"
    target = parse(f"{scope}/providers/Microsoft.Authorization/roleAssignments/r")
    assert (target.type, target.name, target.group) == ("Microsoft.Authorization/roleAssignments", "r", "g")
    assert target.scope == "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps/a"
    assert parse(f"{scope}/revisions/r/restart").below == ("revisions", "r", "restart")


@pytest.mark.parametrize(
    ("path", "status"), [("/", 501), ("/tenants/x/y", 501), ("/subscriptions/s/providers/Microsoft.App", 404)]
)
def test_paths_that_are_none_of_ours(path: str, status: int) -> None:
    with pytest.raises(ArmError) as refused:
        parse(path)
    assert refused.value.status == status
