"""What counts as a difference, and what never does."""

from __future__ import annotations

import pytest

from shared.runtime.drift.compare import ABSENT, Compared, Wanted, compare
from shared.runtime.drift.ignoring import IgnoreRule
from shared.runtime.drift.model import FindingKind, Owner
from shared.runtime.drift.redaction import Redaction
from shared.runtime.environments.infrastructure import InfrastructureLook, ResourceDifference
from shared.runtime.environments.model import ComputeTarget
from shared.runtime.scaling.model import Enforcement, ScalingPolicy
from shared.targets.naming import secret_uri
from shared.targets.port import Field, Holder, Measure, Scaling, SecretReference
from tests.unit.drift.world import NOON, image_of, observed, placed

REDACTION = Redaction(b"signing key")
OLD = SecretReference(vault_uri="https://kv.vault.azure.net", secret_name="db", version="0" * 32)
NEW = OLD.model_copy(update={"version": "1" * 32})


def reference(secret: SecretReference) -> str:
    return f"keyvault:{secret_uri(secret)}"


def wanted(*services, policies=(), **fields) -> Wanted:
    by_key = {(policy.service_id, policy.target.value): policy for policy in policies}
    return Wanted({one.workload.service_id: one for one in services}, by_key, REDACTION, **fields)


def policy(enforcement=Enforcement.ENFORCED, target="aks", least=3, most=9) -> ScalingPolicy:
    bounds = Scaling(metric="cpu", min_replicas=least, max_replicas=most, target_utilization_percent=70)
    return ScalingPolicy(
        scaling_policy_id="scl-1",
        tenant_id="connectsoft",
        environment_id="env-00000000000000aa",
        service_id="api",
        target=ComputeTarget(target),
        requested=bounds,
        effective=bounds,
        enforcement=enforcement,
        applied_by="ada",
        created_at=NOON,
        updated_at=NOON,
        trace_id="trace-1",
    )


def judged(observation, *, service=None, **fields) -> Compared:
    return compare(wanted(service or placed("api"), **fields), {"aks": {"api": observation}}, ["aks"])


def texts(compared: Compared) -> list[tuple[str, str, str]]:
    return [(one.kind.value, one.desired, one.actual) for one in compared.differences]


def owners(compared: Compared) -> list[Owner]:
    return [one.owner for one in compared.differences]


def test_what_runs_as_wanted_is_no_difference_whether_it_is_ready_or_not() -> None:
    assert judged(observed("api")) == Compared()


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
    assert owners(compared) == [Owner.DEPLOYMENT]


@pytest.mark.parametrize(
    ("holder", "owner"),
    [
        (Holder.PLATFORM, Owner.DEPLOYMENT),
        (Holder.AUTOSCALER, Owner.SCALING_POLICY),
        (Holder.SOMEBODY, Owner.UNKNOWN),
    ],
)
def test_where_the_target_keeps_book_the_owner_of_a_field_is_who_holds_it(holder: Holder, owner: Owner) -> None:
    compared = judged(observed("api", replicas=5, holders={Field.REPLICAS: holder}))
    assert owners(compared) == [owner]


def test_a_replica_count_that_an_autoscaler_owns_is_none() -> None:
    assert not judged(observed("api", replicas=5, autoscaled=True)).differences


@pytest.mark.parametrize("enforcement", Enforcement)
@pytest.mark.parametrize("replicas", [1, 3, 7, 40])
def test_a_replica_count_under_a_policy_is_the_autoscalers_business(enforcement: Enforcement, replicas: int) -> None:
    seen = observed("api", replicas=replicas, autoscaled=True, bounds=(3, 9))
    assert not judged(seen, policies=[policy(enforcement)]).differences


def test_a_policy_of_another_target_owns_nothing_here() -> None:
    compared = judged(observed("api", replicas=5), policies=[policy(target="container-apps")])
    assert texts(compared) == [("ReplicaCountMismatch", "2", "5")]


@pytest.mark.parametrize(
    ("seen", "actual"),
    [
        (observed("api", autoscaled=True, bounds=(3, 30)), "3 to 30 replicas"),
        (observed("api", autoscaled=True, bounds=(1, 9)), "1 to 9 replicas"),
        (observed("api", replicas=3), "no autoscaler"),
    ],
)
def test_other_bounds_than_those_of_an_enforced_policy_are_the_policys_difference(seen, actual: str) -> None:
    compared = judged(seen, policies=[policy()])
    assert texts(compared) == [("ScalingPolicyMismatch", "3 to 9 replicas", actual)]
    assert owners(compared) == [Owner.SCALING_POLICY]


CPU = Measure(metric="cpu", percent=70)


@pytest.mark.parametrize(
    ("found", "actual"),
    [
        ([Measure(metric="memory", percent=70)], "memory at 70 %"),
        ([Measure(metric="cpu", percent=95)], "cpu at 95 %"),
        ([CPU, Measure(metric="cron")], "cpu at 70 %, cron"),
        ([], "nothing"),
    ],
)
def test_another_measure_than_that_of_an_enforced_policy_is_the_policys_difference(found, actual: str) -> None:
    compared = judged(observed("api", autoscaled=True, bounds=(3, 9), measures=found), policies=[policy()])
    assert texts(compared) == [("ScalingPolicyMismatch", "cpu at 70 %", actual)]
    assert owners(compared) == [Owner.SCALING_POLICY]


@pytest.mark.parametrize("found", [[CPU], None], ids=["the policy's own", "one that the target has no say in"])
def test_the_measure_of_a_policy_is_no_difference(found) -> None:
    assert not judged(observed("api", autoscaled=True, bounds=(3, 9), measures=found), policies=[policy()]).differences


def test_bounds_and_measure_are_told_and_left_out_each_by_its_name() -> None:
    seen = observed("api", autoscaled=True, bounds=(3, 30), measures=[])
    compared = judged(seen, policies=[policy()])
    told = ("bounds: 3 to 9 replicas; measure: cpu at 70 %", "bounds: 3 to 30 replicas; measure: nothing")
    assert texts(compared) == [("ScalingPolicyMismatch", *told)]
    rule = IgnoreRule(service_id="api", field="measure", reason="a trial")
    assert texts(judged(seen, policies=[policy()], rules=[rule])) == [
        ("ScalingPolicyMismatch", "3 to 9 replicas", "3 to 30 replicas")
    ]


def test_a_policy_that_is_still_to_be_enforced_is_not_judged() -> None:
    compared = judged(observed("api"), policies=[policy(Enforcement.PENDING)])
    assert not compared.differences
    assert compared.undecided == {(FindingKind.SCALING_POLICY_MISMATCH, "api")}


def test_a_policy_for_one_count_needs_no_autoscaler_to_hold() -> None:
    assert not judged(observed("api", replicas=3), policies=[policy(least=3, most=3)]).differences


def test_an_autoscaler_that_nobody_applied_a_policy_for_is_a_difference() -> None:
    compared = judged(observed("api", replicas=7, autoscaled=True, bounds=(1, 10)))
    assert texts(compared) == [("ScalingPolicyMismatch", "no policy", "1 to 10 replicas")]


def test_settings_are_compared_and_told_by_fingerprints_never_by_value() -> None:
    service = placed("api", env={"LEVEL": "info", "PASSWORD": "hunter2", "SAME": "x"})
    compared = judged(observed("api", env={"PASSWORD": "hunter3", "SAME": "x", "NEW": "y"}), service=service)
    [difference] = compared.differences
    assert difference.kind is FindingKind.CONFIGURATION_MISMATCH
    of = REDACTION.of
    assert difference.desired == f"LEVEL: {of('info')}; NEW: {ABSENT}; PASSWORD: {of('hunter2')}"
    assert difference.actual == f"LEVEL: {ABSENT}; NEW: {of('y')}; PASSWORD: {of('hunter3')}"
    assert not any(value in str(difference) for value in ("hunter2", "hunter3", "info"))


def test_the_fingerprint_of_a_setting_needs_the_platforms_key() -> None:
    assert Redaction(b"another key").of("info") != REDACTION.of("info") != REDACTION.of("warn")


def test_many_settings_are_named_up_to_five() -> None:
    service = placed("api", env={f"S{number}": "x" for number in range(9)})
    [difference] = judged(observed("api"), service=service).differences
    assert difference.desired.endswith("; 4 more")
    assert "S5" not in difference.actual


@pytest.mark.parametrize(
    ("env", "actual"),
    [
        ({"DB": reference(OLD)}, reference(OLD)),
        ({"DB": "hunter2"}, "a value, not a reference"),
        ({}, ABSENT),
    ],
)
def test_another_version_of_a_secret_than_its_binding_has_is_rotations_difference(env, actual: str) -> None:
    compared = judged(observed("api", env=env), service=placed("api", env={"DB": NEW}))
    assert texts(compared) == [("SecretVersionMismatch", f"DB: {reference(NEW)}", f"DB: {actual}")]
    assert owners(compared) == [Owner.ROTATION]


def test_the_same_secret_is_the_same_however_its_address_is_written() -> None:
    env = {"DB": reference(NEW).replace("kv.vault", "KV.vault") + "/"}
    assert not judged(observed("api", env=env), service=placed("api", env={"DB": NEW})).differences


def test_what_somebody_put_right_by_hand_is_as_wanted_whatever_they_call_it() -> None:
    assert not judged(observed("api", name="api-5f7c9")).differences


def test_a_service_that_its_target_does_not_have_is_missing() -> None:
    compared = compare(wanted(placed("api")), {"aks": {}})
    assert texts(compared) == [("MissingService", "1.4.2", ABSENT)]


def test_a_service_on_another_target_than_wanted_is_missing_there_and_unexpected_here() -> None:
    compared = compare(wanted(placed("api")), {"aks": {}, "container-apps": {"api": observed("api")}})
    assert texts(compared) == [
        ("MissingService", "1.4.2", ABSENT),
        ("UnexpectedService", ABSENT, "1.4.2 on container-apps"),
    ]


def test_a_service_that_nobody_wants_is_unexpected_and_nobodys() -> None:
    compared = compare(wanted(), {"aks": {"miner": observed("miner", image="evil.io/miner:9")}})
    assert texts(compared) == [("UnexpectedService", ABSENT, "9 on aks")]
    assert owners(compared) == [Owner.UNKNOWN]


def test_one_that_the_inventory_was_told_of_is_not() -> None:
    assert not compare(wanted(known=frozenset({"legacy"})), {"aks": {"legacy": observed("legacy")}}).differences


def test_one_that_comes_or_goes_just_now_is_not_judged() -> None:
    compared = compare(wanted(), {"aks": {"miner": observed("miner", serving=False)}})
    assert not compared.differences
    assert compared.unjudged == {"miner"}


def test_a_service_whose_target_could_not_be_read_is_not_judged() -> None:
    api = frozenset({"api"})
    assert compare(wanted(placed("api")), {}, ["aks"]) == Compared(unread=api, unjudged=api, targets_read=False)


def test_a_service_in_the_middle_of_a_change_is_not_judged_though_it_was_read() -> None:
    compared = judged(observed("api", image=image_of("9"), replicas=7, serving=False))
    assert compared == Compared(unjudged=frozenset({"api"}))


def test_one_service_can_differ_in_more_than_one_way() -> None:
    kinds = [one.kind for one in judged(observed("api", image=image_of("1.4.1"), replicas=1)).differences]
    assert kinds == [FindingKind.IMAGE_VERSION_MISMATCH, FindingKind.REPLICA_COUNT_MISMATCH]


def look(*differences: tuple[str, str, list[str]]) -> InfrastructureLook:
    found = [
        ResourceDifference.read({"resource": resource, "change": change, "properties": properties})
        for resource, change, properties in differences
    ]
    return InfrastructureLook(started_at=NOON, completed_at=NOON, generation=1, differences=found)


def test_the_infrastructure_is_one_difference_that_names_resources_and_properties() -> None:
    found = look(("vault::kv", "update", ["softDelete", "sku"]), ("network::subnet", "delete", []))
    compared = compare(wanted(look=found), {})
    [difference] = compared.differences
    assert (difference.kind, difference.service_id) == (FindingKind.INFRASTRUCTURE_MISMATCH, None)
    assert difference.desired == "vault::kv: as provisioned; network::subnet: as provisioned"
    assert difference.actual == "vault::kv: changed (softDelete, sku); network::subnet: gone"
    assert compared.infrastructure_read


def test_an_infrastructure_that_nobody_looked_at_is_not_judged() -> None:
    assert not compare(wanted(), {}).infrastructure_read
    assert compare(wanted(look=look()), {}) == Compared(infrastructure_read=True)


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({"serviceId": "api"}, []),
        ({"serviceId": "web"}, ["ImageVersionMismatch", "ConfigurationMismatch"]),
        ({"kind": "ImageVersionMismatch"}, ["ConfigurationMismatch"]),
        ({"field": "image"}, ["ConfigurationMismatch"]),
        ({"field": "LEVEL"}, ["ImageVersionMismatch", "ConfigurationMismatch"]),
        ({"kind": "ConfigurationMismatch", "field": "image"}, ["ImageVersionMismatch", "ConfigurationMismatch"]),
    ],
    ids=str,
)
def test_what_people_ignore_is_left_out_field_by_field(rule, left: list[str]) -> None:
    rules = [IgnoreRule.read({**rule, "reason": "known"})]
    seen = observed("api", image=image_of("1.4.1"), env={"LEVEL": "x", "OTHER": "y"})
    assert [kind for kind, _, _ in texts(judged(seen, rules=rules))] == left


def test_a_field_that_is_left_out_is_not_told_with_the_others() -> None:
    rules = [IgnoreRule(field="LEVEL", reason="known")]
    [difference] = judged(observed("api", env={"LEVEL": "x", "OTHER": "y"}), rules=rules).differences
    assert "LEVEL" not in difference.actual
    assert difference.actual.startswith("OTHER: ")
