"""What a gate's witness can see: the expected revision at the addresses its target names, or why it could not be seen."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shared.kernel.errors import Refused, Transient
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.witness import Sample, Subject, Witness
from shared.targets.port import Observation, Site, Workload
from tests.unit.doubles.clock import FakeClock
from tests.unit.doubles.prober import FakeProber
from tests.unit.doubles.targets import FakeTarget
from tests.unit.doubles.world import image
from tests.unit.rollout.test_effects import SITE, stamp


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def target(clock: FakeClock) -> FakeTarget:
    return FakeTarget(clock)


@pytest.fixture
def prober(clock: FakeClock) -> FakeProber:
    return FakeProber(clock)


@pytest.fixture
def witness(clock: FakeClock, target: FakeTarget, prober: FakeProber) -> Witness:
    return Witness({"apps": target}, prober, clock)


def workload(tag: str = "1", replicas: int = 2) -> Workload:
    return Workload(service_id="api", image=image("api", tag), replicas=replicas, release=f"dep-{tag}")


async def looked(witness: Witness, wanted: Workload) -> Sample:
    (sample,) = await witness.look(SITE, [Subject("apps", wanted)])
    return sample


async def test_every_replica_of_the_expected_revision_is_asked(
    witness: Witness, target: FakeTarget, prober: FakeProber
) -> None:
    await target.apply(SITE, stamp(1), workload())
    sample = await looked(witness, workload())
    assert (sample.status, sample.revision, sample.image) == (HealthStatus.HEALTHY, workload().revision, image("api", "1"))
    assert prober.asked == [image("api", "1")] * 2


async def test_the_worst_replica_and_the_worst_of_each_check_count(
    witness: Witness, target: FakeTarget, prober: FakeProber
) -> None:
    await target.apply(SITE, stamp(1), workload())
    prober.says[image("api", "1")] = [HealthStatus.HEALTHY, HealthStatus.UNHEALTHY]
    sample = await looked(witness, workload())
    assert sample.status is HealthStatus.UNHEALTHY
    assert [(check.name, check.status) for check in sample.checks] == [("self", HealthStatus.UNHEALTHY)]


async def test_another_revision_is_never_asked_in_its_place(
    witness: Witness, target: FakeTarget, prober: FakeProber
) -> None:
    await target.apply(SITE, stamp(1), workload("1"))
    sample = await looked(witness, workload("2"))
    assert (sample.status, sample.detail, sample.revision) == (HealthStatus.UNKNOWN, "revision-absent", None)
    assert prober.asked == []


async def test_why_it_could_not_be_seen(witness: Witness, target: FakeTarget, clock: FakeClock) -> None:
    assert (await looked(witness, workload())).detail == "revision-absent"
    target.start_seconds[image("api", "1")] = 10
    await target.apply(SITE, stamp(1), workload())
    assert (await looked(witness, workload())).detail == "starting"
    clock.advance(10)
    assert (await looked(witness, workload())).detail is None
    target.other_image[image("api", "1")] = image("api", "9")
    assert (await looked(witness, workload())).detail == "other-image"
    for error in (Transient("arm"), Refused("arm", "AuthorizationFailed")):
        target.fail("observe", "", error)
        sample = await looked(witness, workload())
        assert (sample.detail, sample.status) == ("target-unreachable", HealthStatus.UNKNOWN)


async def test_a_revision_without_replicas_cannot_be_healthy(witness: Witness, target: FakeTarget) -> None:
    await target.apply(SITE, stamp(1), workload(replicas=0))
    assert (await looked(witness, workload(replicas=0))).status is HealthStatus.UNKNOWN


async def test_a_sweep_looks_at_whatever_serves(witness: Witness, target: FakeTarget) -> None:
    await target.apply(SITE, stamp(1), workload("1"))
    (nothing,) = await witness.attend(SITE, [Subject("apps", workload("2"))], 10)
    assert nothing.detail == "revision-absent"
    await target.promote(SITE, stamp(1), workload("1"))
    (sample,) = await witness.attend(SITE, [Subject("apps", workload("2"))], 10)
    assert (sample.image, sample.status) == (image("api", "1"), HealthStatus.HEALTHY)


async def test_a_target_is_asked_once_for_all_its_services(clock: FakeClock, prober: FakeProber) -> None:
    asked: list[Site] = []

    class Counting(FakeTarget):
        async def observe(self, site: Site) -> Mapping[str, Observation]:
            asked.append(site)
            return {}

    witness = Witness({"apps": Counting(clock)}, prober, clock)
    subjects = [Subject("apps", workload().model_copy(update={"service_id": f"s{n}"})) for n in range(50)]
    assert [sample.service_id for sample in await witness.look(SITE, subjects)] == [f"s{n}" for n in range(50)]
    assert len(asked) == 1
