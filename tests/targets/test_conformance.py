"""One suite, every target: what `shared.targets.port` promises, against the stand-ins."""

from __future__ import annotations

from typing import Any

import pytest

from shared.kernel.errors import Refused, Superseded, Transient
from shared.targets.port import HealthProbe, Observation, Scaling, SecretReference, Workload
from tests.targets.cloud import Place, stamp, until, workload

CPU = Scaling(metric="cpu", min_replicas=2, max_replicas=5, target_utilization_percent=65)


def runs(wanted: Workload) -> Any:
    """Whether an observation shows `wanted` whole: serving alone, settled, every replica ready."""

    def holds(seen: Observation | None) -> bool:
        serving = seen.serving if seen else None
        return (
            serving is not None
            and serving.name == wanted.revision
            and serving.settled
            and len(serving.replicas) == wanted.replicas
            and all(replica.ready for replica in serving.replicas)
            and not any(replica.ready for one in seen.revisions if one is not serving for replica in one.replicas)
        )

    return holds


def has(wanted: Workload) -> Any:
    """Whether the revision of `wanted` is there with all its replicas ready, whoever serves."""

    def holds(seen: Observation | None) -> bool:
        found = next((one for one in seen.revisions if one.name == wanted.revision), None) if seen else None
        return bool(found and found.settled and [one.ready for one in found.replicas] == [True] * wanted.replicas)

    return holds


async def eventually(place: Place, call: Any, *arguments: Any) -> None:
    """Call, and call again while the target is busy with the change before."""

    async def attempt() -> bool:
        try:
            await call(place.site, *arguments)
        except Transient:
            return False
        return True

    await until(attempt, bool)


async def release(place: Place, wanted: Workload, generation: int = 1) -> Observation:
    """Apply, wait until the new revision is ready, promote, and look."""
    await eventually(place, place.target.apply, stamp(generation), wanted)
    await until(lambda: place.seen(wanted.service_id), has(wanted))
    await eventually(place, place.target.promote, stamp(generation), wanted)
    return await until(lambda: place.seen(wanted.service_id), runs(wanted))


async def test_nothing_of_ours_is_an_empty_observation(place: Place) -> None:
    assert await place.target.observe(place.site) == {}


async def test_an_applied_workload_runs_and_is_observed_as_what_it_is(place: Place) -> None:
    reference = SecretReference(vault_uri="https://kv-one.vault.azure.net/", secret_name="sql", version="a1")
    wanted = workload(env={"MODE": "fast", "SQL": reference})

    seen = await release(place, wanted)

    assert seen.serving is not None
    assert (seen.service_id, seen.replicas, seen.autoscaled, seen.stamp) == ("orders", 2, False, "1.1")
    assert (seen.serving.name, seen.serving.image, seen.serving.reason) == (wanted.revision, wanted.image, None)
    assert seen.env == {"MODE": "fast", "SQL": "keyvault:https://kv-one.vault.azure.net/secrets/sql/a1"}
    assert seen.serving.addresses
    running = place.running("orders")
    assert running is not None
    assert (running["image"], running["env"]["MODE"], len(running["replicas"])) == (wanted.image, "fast", 2)
    assert "a1" in running["env"]["SQL"]


async def test_a_digest_is_what_runs_and_its_tag_is_what_is_shown(place: Place) -> None:
    old, new = (pinned(workload(f"acr.azurecr.io/orders:{tag}", replicas=1), place) for tag in ("1.4.2", "1.5.0"))
    await release(place, old)
    await eventually(place, place.target.apply, stamp(2), new)
    await until(lambda: place.seen("orders"), has(new))
    await eventually(place, place.target.promote, stamp(2), new)
    seen = await until(lambda: place.seen("orders"), runs(new))
    assert (seen.serving.name, seen.serving.image) == (new.revision, new.image)
    assert place.running("orders")["image"] == new.image  # type: ignore[index]
    assert place.deployed("orders") == {new.reference}

    back = await release(place, old, generation=3)
    assert back.serving is not None
    assert (back.serving.image, place.deployed("orders")) == (old.image, {old.reference})


def pinned(wanted: Workload, place: Place) -> Workload:
    """As a release makes it, whose images were asked for at the registry."""
    return wanted.model_copy(update={"digest": place.cloud.images.remember(wanted.image)})


async def test_applying_and_promoting_twice_is_doing_it_once(place: Place) -> None:
    wanted = workload()
    first = await release(place, wanted)

    await eventually(place, place.target.apply, stamp(), wanted)
    await eventually(place, place.target.promote, stamp(), wanted)

    again = await place.seen("orders")
    assert again is not None
    assert again.revisions[0].model_dump(exclude={"replicas"}) == first.revisions[0].model_dump(exclude={"replicas"})
    assert len(again.revisions) == 1
    assert len(place.running("orders")["replicas"]) == 2  # type: ignore[index]


async def test_promoting_a_second_revision_leaves_only_it_ready(place: Place) -> None:
    await release(place, workload())

    seen = await release(place, newer := workload("acr.azurecr.io/orders:2"), generation=2)

    assert [one.name for one in seen.revisions if one.replicas] == [newer.revision]
    assert {replica["image"] for replica in place.running("orders")["replicas"]} == {newer.image}  # type: ignore[index]


async def test_another_version_of_a_secret_is_another_revision_and_going_back_is_going_back(place: Place) -> None:
    old, new = (
        workload(
            env={"SQL": SecretReference(vault_uri="https://kv-one.vault.azure.net", secret_name="sql", version=version)}
        )
        for version in ("a1", "a2")
    )
    assert old.revision != new.revision
    seen = [(await release(place, wanted, generation)).env for generation, wanted in enumerate([old, new, old], 1)]
    uri = "keyvault:https://kv-one.vault.azure.net/secrets/sql"
    assert seen == [{"SQL": f"{uri}/a1"}, {"SQL": f"{uri}/a2"}, {"SQL": f"{uri}/a1"}]


async def test_a_revision_that_is_never_ready_is_told_apart_and_the_old_one_stays_ready(place: Place) -> None:
    old, new = workload(), workload("acr.azurecr.io/orders:2")
    await release(place, old)
    place.cloud.workloads.add_behaviour({"image": new.image, "neverReady": True})

    await eventually(place, place.target.apply, stamp(2), new)

    def both(seen: Observation) -> bool:
        named = {one.name: one for one in seen.revisions}
        return bool(
            named.keys() == {old.revision, new.revision} and named[new.revision].reason and named[new.revision].replicas
        )

    seen = await until(lambda: place.seen("orders"), both)
    named = {one.name: one for one in seen.revisions}
    assert [one.ready for one in named[old.revision].replicas] == [True, True]
    assert not any(one.ready for one in named[new.revision].replicas)
    assert not named[new.revision].settled


async def test_applying_an_earlier_workload_leads_back_to_its_revision_and_settings(place: Place) -> None:
    old = workload(env={"MODE": "old"})
    await release(place, old)
    await release(place, workload("acr.azurecr.io/orders:2", env={"MODE": "new", "EXTRA": "1"}), generation=2)

    seen = await release(place, old, generation=3)

    assert seen.serving is not None
    assert (seen.serving.name, seen.serving.image, seen.env, seen.stamp) == (
        old.revision,
        old.image,
        {"MODE": "old"},
        "3.1",
    )
    assert place.running("orders")["env"]["MODE"] == "old"  # type: ignore[index]


async def test_an_older_stamp_changes_nothing(place: Place) -> None:
    current = workload()
    await release(place, current, generation=5)
    before = await place.seen("orders")
    late = stamp(5, attempt=0)

    for call in (place.target.apply, place.target.promote, place.target.scale):
        with pytest.raises(Superseded):
            await call(place.site, late, workload("acr.azurecr.io/orders:9"))
    with pytest.raises(Superseded):
        await place.target.remove(place.site, late, ["orders"])

    after = await place.seen("orders")
    assert before is not None
    assert after is not None
    assert (after.revisions, after.stamp) == (before.revisions, before.stamp)


async def test_a_newer_attempt_takes_over_without_another_revision(place: Place) -> None:
    wanted = workload()
    await release(place, wanted)

    await eventually(place, place.target.apply, stamp(1, attempt=2), wanted)

    seen = await until(lambda: place.seen("orders"), lambda one: one.stamp == "1.2")
    assert [one.name for one in seen.revisions] == [wanted.revision]


async def test_a_policy_is_enforced_on_what_serves_and_lifted_again(place: Place) -> None:
    wanted = workload(replicas=1)
    await release(place, wanted)

    await eventually(place, place.target.scale, stamp(2), wanted.model_copy(update={"scaling": CPU}))
    scaled = await until(lambda: place.seen("orders"), lambda one: one.autoscaled and len(one.serving.replicas) == 2)
    assert scaled.serving.name == wanted.revision
    assert (scaled.replicas, scaled.stamp) == (2, "2.1")

    plain = wanted.model_copy(update={"replicas": 3})
    await eventually(place, place.target.scale, stamp(3), plain)
    seen = await until(lambda: place.seen("orders"), runs(plain))
    assert (seen.replicas, seen.autoscaled) == (3, False)


async def test_enforcing_the_same_policy_again_changes_nothing(place: Place) -> None:
    wanted = workload(scaling=CPU)
    await release(place, wanted)

    await eventually(place, place.target.scale, stamp(1), wanted)

    seen = await place.seen("orders")
    assert seen is not None
    assert [one.name for one in seen.revisions] == [wanted.revision]


async def test_deploying_under_a_policy_leaves_the_count_to_the_autoscaler(place: Place) -> None:
    await release(place, workload(scaling=CPU))

    await eventually(place, place.target.apply, stamp(2), newer := workload("acr.azurecr.io/orders:2", scaling=CPU))

    await until(lambda: place.seen("orders"), has(newer))
    seen = await place.seen("orders")
    assert seen is not None
    assert seen.autoscaled


@pytest.mark.parametrize("metric", ["cpu", "memory", "requests", "queue-length"])
async def test_every_metric_is_accepted_and_told_with_the_bounds(place: Place, metric: str) -> None:
    policy = CPU.model_copy(update={"metric": metric})
    await eventually(place, place.target.apply, stamp(), workload(scaling=policy))
    seen = await place.seen("orders")
    assert seen is not None
    assert seen.autoscaled
    assert seen.bounds is not None
    assert (seen.bounds.min_replicas, seen.bounds.max_replicas) == (2, 5)
    assert seen.bounds.measures == (None if place.name == "functions" else [policy.measure])


async def test_another_measure_of_an_autoscaler_is_told(place: Place) -> None:
    wanted = workload(scaling=CPU)
    await release(place, wanted)
    other = CPU.model_copy(update={"metric": "memory", "target_utilization_percent": 90})
    await eventually(place, place.target.scale, stamp(2), wanted.model_copy(update={"scaling": other}))
    measures = None if place.name == "functions" else [other.measure]
    await until(lambda: place.seen("orders"), lambda one: one.stamp == "2.1" and one.bounds.measures == measures)


async def test_removed_services_are_gone_and_absent_ones_count_as_gone(place: Place) -> None:
    await release(place, workload(env={"A": "1"}))

    await eventually(place, place.target.remove, stamp(2), ["orders", "never-was"])

    await until(lambda: place.target.observe(place.site), lambda seen: seen == {})

    async def running() -> Any:
        return place.running("orders")

    assert await until(running, lambda row: row is None) is None


async def test_what_does_not_exist_cannot_be_promoted_or_scaled(place: Place) -> None:
    await place.target.observe(place.site)
    with pytest.raises(Refused):
        await place.target.promote(place.site, stamp(), workload())
    with pytest.raises(Refused):
        await place.target.scale(place.site, stamp(), workload())


async def test_a_target_that_is_down_is_transient_and_comes_back(place: Place) -> None:
    wanted = workload()
    async with place.down():
        for call in (place.target.apply, place.target.promote, place.target.scale):
            with pytest.raises(Transient):
                await call(place.site, stamp(), wanted)
        with pytest.raises(Transient):
            await place.target.observe(place.site)
        with pytest.raises(Transient):
            await place.target.remove(place.site, stamp(), ["orders"])
    await release(place, wanted)


async def test_another_image_behind_our_back_is_seen_under_another_name_and_put_right(place: Place) -> None:
    wanted = workload()
    await release(place, wanted)

    await place.meddle("orders", image="acr.azurecr.io/orders:evil")

    def foreign(seen: Observation) -> bool:
        return bool(seen.serving and seen.serving.image == "acr.azurecr.io/orders:evil" and seen.serving.settled)

    seen = await until(lambda: place.seen("orders"), foreign)
    assert seen.serving.name != wanted.revision

    await release(place, wanted, generation=2)
    assert place.running("orders")["image"] == wanted.image  # type: ignore[index]


async def test_another_variable_behind_our_back_is_seen_and_put_right(place: Place) -> None:
    wanted = workload(env={"MODE": "fast"})
    await release(place, wanted)

    await place.meddle("orders", env={"MODE": "slow", "EXTRA": "1"})

    seen = await until(lambda: place.seen("orders"), lambda one: one.env == {"MODE": "slow", "EXTRA": "1"})
    assert seen.serving.name != wanted.revision

    seen = await release(place, wanted, generation=2)
    assert seen.env == {"MODE": "fast"}
    assert "EXTRA" not in place.running("orders")["env"]  # type: ignore[index]


async def test_another_count_behind_our_back_is_seen_and_put_right(place: Place) -> None:
    wanted = workload()
    await release(place, wanted)

    await place.meddle("orders", replicas=4)

    await until(lambda: place.seen("orders"), lambda seen: seen.replicas == 4)
    await release(place, wanted, generation=2)


async def test_a_deletion_behind_our_back_is_seen_as_absence(place: Place) -> None:
    await release(place, workload())
    await place.meddle("orders", delete=True)
    await until(lambda: place.target.observe(place.site), lambda seen: seen == {})


async def test_services_with_awkward_names_stay_apart(place: Place) -> None:
    names = ["1-starts-with-a-digit", "two--dashes", "two-dashes", "ends-", "x" * 63 + "y", "x" * 63 + "z"]
    for name in names:
        await eventually(place, place.target.apply, stamp(), workload(service_id=name, replicas=1))

    seen = await until(lambda: place.target.observe(place.site), lambda seen: len(seen) == len(names))
    assert set(seen) == set(names)


async def test_a_grpc_probe_is_accepted(place: Place) -> None:
    await release(place, workload(health=HealthProbe(port=5000, format="grpc"), replicas=1))


async def test_observing_at_rest_costs_no_request_per_service(place: Place) -> None:
    for name in ("one", "two", "three"):
        await release(place, workload(service_id=name, replicas=1))
    place.cloud.transport.sent.clear()
    await place.target.observe(place.site)
    assert len(place.cloud.transport.sent) <= 1
