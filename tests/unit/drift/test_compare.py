"""What counts as a difference, and what never does."""

from __future__ import annotations

from shared.runtime.drift.compare import ABSENT, Compared, compare
from shared.runtime.drift.model import FindingKind, Owner
from tests.unit.drift.world import image_of, observed, placed


def judged(observation, *, wanted=None, policies=()) -> Compared:
    return compare({"api": wanted or placed("api")}, {"aks": {"api": observation}}, set(policies))


def texts(compared: Compared) -> list[tuple[str, str, str]]:
    return [(one.kind.value, one.desired, one.actual) for one in compared.differences]


def test_what_runs_as_wanted_is_no_difference_whether_it_is_ready_or_not() -> None:
    assert judged(observed("api")) == Compared([], frozenset(), frozenset())


def test_another_image_is_told_by_its_version() -> None:
    assert texts(judged(observed("api", image=image_of("1.4.1")))) == [("ImageVersionMismatch", "1.4.2", "1.4.1")]


def test_another_image_of_the_same_version_is_told_whole() -> None:
    other = "evil.io/api:1.4.2"
    assert texts(judged(observed("api", image=other))) == [("ImageVersionMismatch", image_of("1.4.2"), other)]


def test_an_image_without_a_version_is_told_whole() -> None:
    assert texts(judged(observed("api", image="nginx"))) == [("ImageVersionMismatch", image_of("1.4.2"), "nginx")]


def test_another_replica_count_is_a_difference_that_the_deployment_owns() -> None:
    compared = judged(observed("api", replicas=5))
    assert texts(compared) == [("ReplicaCountMismatch", "2", "5")]
    assert compared.differences[0].owner is Owner.DEPLOYMENT


def test_a_replica_count_that_an_autoscaler_owns_is_none() -> None:
    assert not judged(observed("api", replicas=5, autoscaled=True)).differences


def test_a_replica_count_under_a_policy_whose_autoscaler_has_not_acted_yet_is_none() -> None:
    assert not judged(observed("api", replicas=5), policies=[("api", "aks")]).differences


def test_a_policy_of_another_target_owns_nothing_here() -> None:
    assert judged(observed("api", replicas=5), policies=[("api", "container-apps")]).differences


def test_a_service_that_its_target_does_not_have_is_missing() -> None:
    compared = compare({"api": placed("api")}, {"aks": {}}, set())
    assert texts(compared) == [("MissingService", "1.4.2", ABSENT)]


def test_a_service_on_another_target_than_wanted_is_missing() -> None:
    found = {"aks": {}, "container-apps": {"api": observed("api")}}
    assert [one.kind for one in compare({"api": placed("api")}, found, set()).differences] == [FindingKind.MISSING_SERVICE]


def test_a_service_whose_target_could_not_be_read_is_not_judged() -> None:
    assert compare({"api": placed("api")}, {}, set()) == Compared([], frozenset({"api"}), frozenset({"api"}))


def test_a_service_in_the_middle_of_a_change_is_not_judged_though_it_was_read() -> None:
    compared = judged(observed("api", image=image_of("9"), replicas=7, serving=False))
    assert compared == Compared([], frozenset(), frozenset({"api"}))


def test_one_service_can_differ_in_more_than_one_way() -> None:
    kinds = [one.kind for one in judged(observed("api", image=image_of("1.4.1"), replicas=1)).differences]
    assert kinds == [FindingKind.IMAGE_VERSION_MISMATCH, FindingKind.REPLICA_COUNT_MISMATCH]
