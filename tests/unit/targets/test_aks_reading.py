from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.targets import aks_objects as objects
from shared.targets.aks_reading import Listing, observations
from shared.targets.port import Observation, ObservedBounds, Site, Stamp, Workload

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Lists:
    """A namespace as its lists tell it, begun with one deployment that has rolled out."""

    def __init__(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        self.deployment = objects.deployment(site, stamp, workload)
        self.deployment["spec"]["replicas"] = workload.replicas
        self.deployment["metadata"]["generation"] = 3
        self.count(workload.replicas)
        self.sets: list[dict[str, Any]] = []
        self.pods: list[dict[str, Any]] = []
        self.autoscalers: list[dict[str, Any]] = []
        self.settings = [objects.config_map(site, workload)]
        self.classes = objects.secret_classes(site, workload)
        self.add_set("orders-aaa", self.deployment["spec"]["template"], "2026-01-01T00:00:00Z", workload.replicas)

    def count(self, ready: int, observed: int = 3) -> None:
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), ready)
        self.deployment["status"] = {"observedGeneration": observed, **counts}

    def add_set(self, name: str, template: dict[str, Any], created: str, pods: int, *, ready: bool = True) -> None:
        template = copy.deepcopy(template)
        template["metadata"]["labels"]["pod-template-hash"] = name
        metadata = {
            "name": name,
            "creationTimestamp": created,
            "ownerReferences": [{"kind": "Deployment", "name": "orders"}],
        }
        self.sets.append({"metadata": metadata, "spec": {"replicas": pods, "template": template}})
        for number in range(pods):
            self.add_pod(f"{name}-{number}", name, template, ready=ready)

    def add_pod(self, name: str, owner: str, template: dict[str, Any], *, ready: bool) -> None:
        metadata = {"name": name, "ownerReferences": [{"kind": "ReplicaSet", "name": owner}]}
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        status = {"phase": "Running", "podIP": f"10.0.0.{len(self.pods)}", "conditions": conditions}
        self.pods.append({"metadata": metadata, "spec": copy.deepcopy(template["spec"]), "status": status})

    def seen(self) -> Observation:
        listing = Listing([self.deployment], self.sets, self.pods, self.autoscalers, self.settings, self.classes)
        return observations(listing, NOW)["orders"]


@pytest.fixture
def lists(site: Site, stamp: Stamp, workload: Workload) -> Lists:
    return Lists(site, stamp, workload)


def test_a_finished_rollout_is_settled_and_serves_alone(lists: Lists, workload: Workload) -> None:
    seen = lists.seen()
    assert [(one.name, one.serving, one.settled, one.reason) for one in seen.revisions] == [
        (workload.revision, True, True, None)
    ]
    assert seen.serving is not None
    assert seen.serving.addresses[0] == "http://10.0.0.0:8080"
    assert (seen.replicas, seen.autoscaled, seen.stamp) == (3, False, "4.2")


@pytest.mark.parametrize("changes", [{"ready": 2}, {"ready": 3, "observed": 2}])
def test_a_rollout_that_is_not_finished_is_not_settled(lists: Lists, changes: dict[str, int]) -> None:
    lists.count(**changes)
    assert lists.seen().revisions[0].settled is False


def test_a_deployment_that_no_controller_has_seen_is_shown_unsettled(lists: Lists, workload: Workload) -> None:
    lists.sets, lists.pods = [], []
    lists.deployment["status"] = {}
    seen = lists.seen()
    assert [(one.name, one.image, one.settled, one.replicas) for one in seen.revisions] == [
        (workload.revision, workload.image, False, [])
    ]


def test_both_revisions_of_a_rollout_are_shown_and_the_new_one_serves(
    lists: Lists, site: Site, stamp: Stamp, workload: Workload
) -> None:
    newer = workload.model_copy(update={"image": "acr.azurecr.io/orders:2"})
    lists.deployment["spec"]["template"] = objects.deployment(site, stamp, newer)["spec"]["template"]
    lists.add_set("orders-bbb", lists.deployment["spec"]["template"], "2026-01-02T00:00:00Z", 1, ready=False)
    seen = {one.name: one for one in lists.seen().revisions}
    assert {name: one.serving for name, one in seen.items()} == {workload.revision: False, newer.revision: True}
    assert [one.ready for one in seen[newer.revision].replicas] == [False]
    assert seen[newer.revision].addresses


def test_an_edited_image_goes_by_the_replica_sets_name(lists: Lists, workload: Workload) -> None:
    template = lists.deployment["spec"]["template"]
    template["spec"]["containers"][0]["image"] = "acr.azurecr.io/orders:evil"
    lists.add_set("orders-ccc", template, "2026-01-02T00:00:00Z", 1)
    serving = lists.seen().serving
    assert serving is not None
    assert (serving.name, serving.image) == ("orders-ccc", "acr.azurecr.io/orders:evil")


def test_a_pod_that_was_changed_by_itself_is_told(lists: Lists) -> None:
    lists.pods[1]["spec"]["containers"][0]["image"] = "acr.azurecr.io/orders:evil"
    assert lists.seen().revisions[0].image == "acr.azurecr.io/orders:evil"


def test_two_replica_sets_of_one_revision_are_one_revision(lists: Lists, workload: Workload) -> None:
    template = copy.deepcopy(lists.deployment["spec"]["template"])
    template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    lists.deployment["spec"]["template"] = template
    lists.add_set("orders-ddd", template, "2026-01-02T00:00:00Z", 1)
    seen = lists.seen()
    assert [(one.name, one.serving, len(one.replicas)) for one in seen.revisions] == [(workload.revision, True, 4)]


def test_pods_that_are_ending_or_not_running_are_no_addresses(lists: Lists) -> None:
    lists.pods[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    lists.pods[1]["status"]["phase"] = "Pending"
    revision = lists.seen().revisions[0]
    assert (len(revision.replicas), len(revision.addresses)) == (2, 1)


def test_an_ipv6_address_is_written_in_brackets(lists: Lists) -> None:
    lists.pods[0]["status"]["podIP"] = "fd00::7"
    assert lists.seen().revisions[0].addresses[0] == "http://[fd00::7]:8080"


def test_why_a_rollout_is_stuck_is_the_clusters_own_word(lists: Lists) -> None:
    lists.count(0)
    lists.pods[0]["status"]["containerStatuses"] = [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]
    assert lists.seen().revisions[0].reason == "ImagePullBackOff"
    stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    lists.deployment["status"]["conditions"] = [stuck]
    assert lists.seen().revisions[0].reason == "ProgressDeadlineExceeded"


def test_settings_are_those_of_the_process(lists: Lists) -> None:
    lists.deployment["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "MODE", "value": "slow"}]
    assert lists.seen().env == {"MODE": "slow", "SQL": "keyvault:https://kv-one.vault.azure.net/secrets/sql/v1"}


def test_a_file_whose_class_is_gone_or_not_ours_is_told_by_its_path(lists: Lists) -> None:
    lists.classes[0]["spec"]["parameters"]["objects"] = "array:\n  - |\n    objectName: sql\n"
    assert lists.seen().env["SQL"] == "/mnt/secrets/kv-one/SQL"
    lists.classes = []
    assert lists.seen().env["SQL"] == "/mnt/secrets/kv-one/SQL"


def test_references_of_earlier_revisions_are_still_read(lists: Lists) -> None:
    lists.settings[0]["data"]["SQL"] = "@Microsoft.KeyVault(SecretUri=https://kv-one.vault.azure.net/secrets/sql/v1)"
    assert lists.seen().env["SQL"] == "keyvault:https://kv-one.vault.azure.net/secrets/sql/v1"


def test_an_autoscaler_owns_the_count(lists: Lists) -> None:
    lists.autoscalers = [{"spec": {"scaleTargetRef": {"name": "orders"}, "maxReplicas": 9}}]
    assert lists.seen().autoscaled
    assert lists.seen().bounds == ObservedBounds(min_replicas=1, max_replicas=9, measures=[])
