"""The effects of a rollout on a target, one workload at a time."""

from __future__ import annotations

import pytest

from shared.kernel.errors import Superseded
from shared.runtime.catalog.model import Placed
from shared.runtime.rollout.effects import Effects, serves_alone
from shared.targets.port import ObservedReplica, Site, Stamp, Workload
from tests.unit.doubles.clock import FakeClock
from tests.unit.doubles.targets import FakeTarget
from tests.unit.doubles.world import image

SITE = Site(
    tenant_id="t",
    project_id="p",
    environment_id="env-1",
    stage="dev",
    region="r",
    subscription_id="s",
    resource_group="g",
)


def stamp(generation: int, attempt: int = 1) -> Stamp:
    return Stamp(operation_id=f"op-{generation}", generation=generation, attempt=attempt)


def placed(tag: str, target: str = "apps") -> Placed:
    workload = Workload(service_id="api", image=image("api", tag), replicas=1, release=f"dep-{tag}")
    return Placed(target=target, workload=workload)


@pytest.fixture
def apps() -> FakeTarget:
    return FakeTarget(FakeClock())


@pytest.fixture
def cluster() -> FakeTarget:
    return FakeTarget(FakeClock(), replaces=True)


@pytest.fixture
def effects(apps: FakeTarget, cluster: FakeTarget) -> Effects:
    return Effects({"apps": apps, "cluster": cluster})


async def test_applying_twice_is_applying_once(effects: Effects, apps: FakeTarget) -> None:
    for _ in range(2):
        await effects.apply(SITE, stamp(1), placed("1"))
    assert list(apps.services["api"].revisions) == [placed("1").workload.revision]


async def test_an_older_stamp_changes_nothing(effects: Effects, apps: FakeTarget) -> None:
    await effects.apply(SITE, stamp(2, 2), placed("1"))
    for older in (stamp(1, 9), stamp(2, 1)):
        with pytest.raises(Superseded):
            await effects.apply(SITE, older, placed("2"))
        with pytest.raises(Superseded):
            await effects.remove(SITE, older, placed("1"))
    assert apps.running("api") == [image("api", "1")]


async def test_restoring_brings_the_earlier_workload_back_alone(effects: Effects, apps: FakeTarget) -> None:
    for tag in ("1", "2"):
        await effects.apply(SITE, stamp(1), placed(tag))
        await effects.promote(SITE, stamp(1), placed(tag))
    await effects.restore(SITE, stamp(2), placed("1"), placed("2"))
    assert (apps.serves("api"), apps.running("api")) == (image("api", "1"), [image("api", "1")])


async def test_restoring_what_was_new_removes_it_twice_too(effects: Effects, apps: FakeTarget) -> None:
    await effects.apply(SITE, stamp(1), placed("1"))
    for _ in range(2):
        await effects.restore(SITE, stamp(1), None, placed("1"))
    assert apps.services == {}


async def test_restoring_what_never_was_there_does_nothing(effects: Effects, apps: FakeTarget) -> None:
    await effects.restore(SITE, stamp(1), None, None)
    assert apps.effects == []


async def test_restoring_a_service_that_moved_leaves_nothing_where_it_went(
    effects: Effects, apps: FakeTarget, cluster: FakeTarget
) -> None:
    await effects.apply(SITE, stamp(1), placed("2", "cluster"))
    await effects.restore(SITE, stamp(1), placed("1"), placed("2", "cluster"))
    assert cluster.services == {}
    assert apps.serves("api") == image("api", "1")


async def test_serving_alone_is_judged_on_what_the_target_tells(effects: Effects, apps: FakeTarget) -> None:
    assert not serves_alone(None, placed("1"))
    await effects.apply(SITE, stamp(1), placed("1"))
    assert not serves_alone((await apps.observe(SITE))["api"], placed("1"))
    await effects.promote(SITE, stamp(1), placed("1"))
    observed = (await apps.observe(SITE))["api"]
    assert serves_alone(observed, placed("1"))
    assert not serves_alone(observed, placed("2"))
    unsettled = observed.revisions[0].model_copy(update={"settled": False})
    assert not serves_alone(observed.model_copy(update={"revisions": [unsettled]}), placed("1"))
    other = observed.revisions[0].model_copy(update={"name": "other", "serving": False})
    crowd = observed.model_copy(update={"revisions": [*observed.revisions, other]})
    assert not serves_alone(crowd, placed("1"))
    idle = other.model_copy(update={"replicas": [ObservedReplica(name="x", ready=False)]})
    assert serves_alone(observed.model_copy(update={"revisions": [*observed.revisions, idle]}), placed("1"))
