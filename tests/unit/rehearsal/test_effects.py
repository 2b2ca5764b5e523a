"""Every mutating route: what its dry run says is what the run does, no more, no less; it writes nothing but the log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.doubles.platform import Platform
from tests.unit.rehearsal.deeds import Seen, deeds, seen
from tests.unit.rehearsal.scenes import deployments, drift, environments, internal, scaling, settings
from tests.unit.rehearsal.scenes.deployments import cancelling, judging_again, promoting
from tests.unit.rehearsal.scenes.settings import rotating_to_what_is_still_to_come
from tests.unit.rehearsal.stage import V1, V2, Act, Scene

SCENES = environments.SCENES | deployments.SCENES | settings.SCENES | scaling.SCENES | drift.SCENES | internal.SCENES


def written(before: Seen, after: Seen) -> dict[str, Any]:
    return {key: row for key, row in after.rows.items() if before.rows.get(key) != row}


async def rehearsed(platform: Platform, act: Act) -> dict[str, Any]:
    method, path, body = act
    before = await seen(platform)
    told = await platform.send(method, f"{path}?dryRun=true", body)
    after = await seen(platform)
    assert (before.served, before.destroyed) == (after.served, after.destroyed)
    assert all(key.startswith("log-") and row["outcome"] == "Rehearsed" for key, row in written(before, after).items())
    assert platform.hub.started == [] or after.rows[platform.hub.started[0].operation_id]["paused"]
    return told


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_the_effects_of_a_dry_run_are_what_the_run_does(scene: Scene) -> None:
    platform = Platform()
    act = await scene(platform)
    route = platform.table.match(act[0], f"/v1/runtime{act[1]}").route
    assert f"{route.method} {route.path}" == SCENES[scene]
    course = Course(platform, act)
    if scene is judging_again:  # it fails again, and then somebody ends it
        await platform.settle(meanwhile=[course.acts, course.looks_and_cancels])
    elif scene is promoting:
        await platform.settle(meanwhile=[course.acts], before={"deploy_promote": course.looks})
    elif scene is rotating_to_what_is_still_to_come:
        await course.acts()
        await platform.settle(meanwhile=[course.renews])
    elif scene is cancelling:
        await platform.settle(meanwhile=[course.acts])
    else:
        await course.acts()
        await platform.settle()
    effects = [(effect["action"], effect["resource"]) for effect in course.told["effects"]]
    assert course.told["allowed"], course.told
    assert len(set(effects)) == len(effects)
    assert set(effects) == deeds(course.before, course.after or await seen(platform))


class Course:
    """The rehearsal, the run, and what was there before and after it."""

    def __init__(self, platform: Platform, act: Act) -> None:
        self.platform, self.act = platform, act
        self.after: Seen | None = None

    async def acts(self) -> None:
        self.told = await rehearsed(self.platform, self.act)
        self.before = await seen(self.platform)
        await self.platform.send(*self.act)

    async def renews(self) -> None:
        """The owner of the secret makes a version."""
        self.platform.vault.holds("db-password", V2, V1)

    async def looks(self) -> None:
        """What was asked for is done here; what follows is the release's own, which its own dry run told."""
        self.after = await seen(self.platform)

    async def looks_and_cancels(self) -> None:
        await self.looks()
        operation = self.act[1].split("/")[2]
        await self.platform.send("POST", f"/operations/{operation}/cancel", {})


def test_no_mutating_route_is_without_its_scene() -> None:
    mutating = {f"{route.method} {route.path}" for route in Platform().table if route.method != "GET"}
    assert set(SCENES.values()) == mutating
