"""The log as people read it: order, pages, filters, and what a page costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.kernel.errors import MalformedRequest, NotFound
from shared.runtime.timeline.reading import MOST, Filter, Timeline
from shared.store import keys
from tests.unit.doubles.world import CALLER
from tests.unit.timeline.log import Log

MILLISECOND = timedelta(milliseconds=1)


async def test_an_entry_says_what_happened_and_nothing_of_what_was_written(log: Log) -> None:
    await log.write(
        "deployment.completed", "release-1 is stable", operation_id="op-1", decision_id="dec-1", caused_by="evt-1"
    )
    [entry] = (await log.page()).entries
    entry_id = entry.pop("entryId")
    assert entry == {
        "at": "2026-06-11T12:00:00Z",
        "kind": "deployment.completed",
        "actor": "ada",
        "summary": "release-1 is stable",
        "resource": "resource-1",
        "operationId": "op-1",
        "decisionId": "dec-1",
        "causedBy": "evt-1",
        "traceId": CALLER.trace_id,
    }
    assert await log.store.get(log.world.partition, f"log-{entry_id}") is not None


async def test_what_is_not_known_of_an_entry_is_left_out(log: Log) -> None:
    await log.write("health.changed")
    [entry] = (await log.page()).entries
    assert entry.keys() == {"entryId", "at", "kind", "actor", "summary", "resource", "traceId"}


async def test_the_newest_entry_comes_first(log: Log) -> None:
    await log.write_each_second("a.b", "a.b", "a.b")
    assert await log.told() == ["2", "1", "0"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
async def test_pages_of_any_size_tell_everything_once_and_the_last_one_says_so(log: Log, limit: int) -> None:
    await log.write_each_second(*["a.b"] * 7)
    told, after, pages = [], "", 0
    while True:
        page = await log.page(limit=limit, after=after)
        told += [entry["summary"] for entry in page.entries]
        pages += 1
        if page.after is None:
            break
        after = page.after
    assert told == ["6", "5", "4", "3", "2", "1", "0"]
    assert pages == -(-7 // limit)


async def test_what_happens_while_one_pages_moves_nothing_of_what_is_still_to_come(log: Log) -> None:
    await log.write_each_second("a.b", "a.b", "a.b")
    first = await log.page(limit=1)
    await log.write_each_second("a.b")
    assert await log.told(after=first.after) == ["1", "0"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("deployment", ["3", "0"]),
        ("deployment.completed", ["3"]),
        ("deploy", []),
        ("deployment.", []),
        ("environment", ["1"]),
        ("drift", ["2"]),
    ],
)
async def test_a_kind_is_exact_or_a_whole_group(log: Log, kind: str, told: list[str]) -> None:
    await log.write_each_second(
        "deployment.requested", "environment.provisioned", "drift.detected", "deployment.completed", "deployments.other"
    )
    assert await log.told(kind=kind) == told


async def test_a_window_holds_both_of_its_ends(log: Log) -> None:
    at = await log.write_each_second(*["a.b"] * 5)
    assert await log.told(since=at[1], until=at[3]) == ["3", "2", "1"]
    assert await log.told(since=at[1] + MILLISECOND, until=at[3] - MILLISECOND) == ["2"]


async def test_within_a_millisecond_the_instants_of_the_entries_decide(log: Log) -> None:
    clock = log.world.clock
    start = clock.now
    for microseconds in (100, 200, 300):
        clock.now = start + timedelta(microseconds=microseconds)
        await log.write("a.b", str(microseconds))
    assert sorted(await log.told(since=start + timedelta(microseconds=200))) == ["200", "300"]
    assert sorted(await log.told(until=start + timedelta(microseconds=200))) == ["100", "200"]
    assert await log.told(since=start + timedelta(microseconds=200), until=start + timedelta(microseconds=250)) == ["200"]


async def test_an_instant_with_an_offset_is_the_instant_it_names(log: Log) -> None:
    at = await log.write_each_second("a.b", "a.b")
    there = at[1].astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert await log.told(since=there) == ["1"]


@pytest.mark.parametrize("year", [1, 1969, 1970, 2000])
async def test_a_window_that_ended_long_ago_is_empty_and_costs_nothing(log: Log, year: int) -> None:
    await log.write_each_second(*["a.b"] * 5)
    page = await log.page(until=datetime(year, 1, 1, tzinfo=UTC))
    assert (page.entries, page.after, log.store.brought) == ([], None, [])


@pytest.mark.parametrize("year", [1, 1970, 2000])
async def test_a_window_that_began_long_ago_holds_everything(log: Log, year: int) -> None:
    await log.write_each_second("a.b", "a.b")
    assert await log.told(since=datetime(year, 1, 1, tzinfo=UTC), until=datetime(9999, 12, 31, tzinfo=UTC)) == ["1", "0"]


async def test_a_window_that_has_not_begun_is_empty(log: Log) -> None:
    await log.write_each_second("a.b")
    assert await log.told(since=datetime(9999, 12, 31, tzinfo=UTC)) == []


async def test_a_window_in_the_middle_of_a_long_log_costs_what_it_holds(log: Log) -> None:
    at = await log.write_each_second(*["a.b"] * 500)
    page = await log.page(limit=10, since=at[200], until=at[202])
    assert [entry["summary"] for entry in page.entries] == ["202", "201", "200"]
    assert page.after is None
    assert len(log.store.brought) <= 11


async def test_a_window_that_ends_before_it_begins_is_the_callers_mistake() -> None:
    with pytest.raises(MalformedRequest) as raised:
        Filter(since=datetime(2026, 2, 1, tzinfo=UTC), until=datetime(2026, 1, 1, tzinfo=UTC))
    assert set(raised.value.errors) == {"from"}


async def test_a_page_of_a_kind_is_full_however_rare_the_kind_is(log: Log) -> None:
    await log.write_each_second(*(["drift.detected"] + ["health.changed"] * 99) * 5)
    page = await log.page(limit=4, kind="drift")
    assert [entry["summary"] for entry in page.entries] == ["400", "300", "200", "100"]
    assert await log.told(kind="drift", after=page.after) == ["0"]


async def test_a_kind_that_never_happens_costs_a_bounded_number_of_rows_a_page_and_leads_to_the_end(log: Log) -> None:
    await log.write_each_second("drift.detected", *["health.changed"] * (MOST + 200))
    first = await log.page(kind="drift")
    assert (first.entries, len(log.store.brought)) == ([], MOST)
    assert first.after is not None
    last = await log.page(kind="drift", after=first.after)
    assert ([entry["summary"] for entry in last.entries], last.after) == (["0"], None)


async def test_the_last_page_of_a_kind_says_so_although_others_follow(log: Log) -> None:
    await log.write_each_second("health.changed", "health.changed", "drift.detected")
    page = await log.page(limit=1, kind="drift")
    assert (len(page.entries), page.after) == (1, None)


async def test_a_row_that_nobody_can_read_is_left_out(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    at = await log.write_each_second("a.b", "a.b")
    log.store.plant(log.world.partition, keys.log(at[0] + MILLISECOND, "f" * 16), {"schema": 1, "doc": b"no"})
    assert await log.told() == ["1", "0"]
    assert "unreadable-row" in [getattr(record, "alert", None) for record in caplog.records]


async def test_another_tenants_environment_is_as_unknown_as_any(log: Log) -> None:
    await log.write("a.b")
    foreign = replace(CALLER, tenant_id="other")
    with pytest.raises(NotFound) as known:
        await Timeline(log.store).page(foreign, log.world.environment_id, Filter(), 50, "")
    with pytest.raises(NotFound) as unknown:
        await Timeline(log.store).page(CALLER, "env-00000000000000ff", Filter(), 50, "")
    assert known.value.kind == unknown.value.kind
    assert log.store.brought == []


@pytest.mark.parametrize("ident", ["", "env", "dep-00000000000000aa00000000000000bb", "ENV-00000000000000AA"])
async def test_only_an_environments_id_leads_to_a_timeline(log: Log, ident: str) -> None:
    with pytest.raises(NotFound):
        await Timeline(log.store).page(CALLER, ident, Filter(), 50, "")
