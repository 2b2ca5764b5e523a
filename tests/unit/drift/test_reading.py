"""Findings as callers see them, with the scan that they come from."""

from __future__ import annotations

import pytest

from shared.access.caller import Caller
from shared.kernel.errors import NotFound
from shared.runtime.drift.model import FindingStatus as Status
from shared.runtime.drift.reading import DriftReader, Filters
from tests.unit.drift.scanning import drifted, findings, scan
from tests.unit.drift.world import CALLER, World, observed, placed


async def read_all_pages(world: World, status: Status | None, limit: int) -> list[list[dict]]:
    reader, pages, after = DriftReader(world.store, world.isolation), [], ""
    while True:
        page = await reader.findings(CALLER, world.environment.environment_id, Filters(status), limit, after)
        pages.append(page.findings)
        if page.after is None:
            return pages
        after = page.after


async def test_the_answer_lists_what_is_unresolved_newest_first_a_page_at_a_time(world: World) -> None:
    await world.stand(*[placed(name) for name in ("a", "b", "c", "d")])
    world.aks.running = {name: observed(name) for name in ("b", "c", "d")}
    await scan(world)
    world.aks.running = {name: observed(name) for name in ("a", "d")}
    await scan(world)
    pages = await read_all_pages(world, None, 1)
    assert sorted(page[0]["serviceId"] for page in pages) == ["b", "c"]
    del world.aks.running["d"]
    await scan(world)
    pages = await read_all_pages(world, None, 2)
    assert pages[0][0]["serviceId"] == "d"
    assert [len(page) for page in pages] == [2, 1]
    [[resolved]] = await read_all_pages(world, Status.RESOLVED, 50)
    assert resolved["serviceId"] == "a"


async def test_the_answer_tells_the_last_scan_and_that_there_was_none(world: World) -> None:
    await drifted(world)
    reader = DriftReader(world.store, world.isolation)
    environment_id = world.environment.environment_id
    page = await reader.findings(CALLER, environment_id, Filters(), 50, "")
    assert (page.findings, page.last_scan.document()) == ([], {"status": "Never", "notReached": []})
    await scan(world)
    page = await reader.findings(CALLER, environment_id, Filters(), 50, "")
    at = "2026-06-11T12:05:00Z"
    assert page.last_scan.document() == {"startedAt": at, "completedAt": at, "status": "Complete", "notReached": []}


async def test_findings_of_what_is_not_the_tenants_are_not_found(world: World) -> None:
    await drifted(world)
    await scan(world)
    reader = DriftReader(world.store, world.isolation)
    [finding] = await findings(world)
    other = Caller("other", "eve", "x", CALLER.scopes, "trace-2")
    mine = world.environment.environment_id
    for caller, ident in ((other, mine), (CALLER, "env-0000000000000000"), (CALLER, finding.finding_id), (CALLER, "x")):
        with pytest.raises(NotFound) as raised:
            await reader.findings(caller, ident, Filters(), 50, "")
        assert (raised.value.kind, raised.value.ident) == ("environment", ident)


async def test_the_list_of_environments_shows_how_much_and_how_bad(world: World) -> None:
    await drifted(world)
    await world.index.summarise(world.environment, {"services": 1, "degraded": 1})
    await scan(world)
    summary = await world.summary()
    assert (summary.open_findings, summary.highest_severity, summary.last_scan) == (1, "High", world.time)
    assert (summary.services, summary.degraded) == (1, 1)  # another sweep's
    world.aks.running = {"api": observed("api")}
    await scan(world)
    summary = await world.summary()
    assert (summary.open_findings, summary.highest_severity) == (0, None)
