"""NCRONTAB: six fields, UTC, both day fields must agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from localazure.host.configuration import BadSetting
from localazure.host.ncrontab import parse

START = datetime(2026, 6, 11, 12, 0, 7, 500_000, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/30 * * * * *", "2026-06-11T12:00:30"),
        ("0 */5 * * * *", "2026-06-11T12:05:00"),
        ("7 0 12 * * *", "2026-06-12T12:00:07"),
        ("0 0 0 1 1 *", "2027-01-01T00:00:00"),
        ("0 30 9-17/4 * * mon-fri", "2026-06-11T13:30:00"),
        ("0 0 0 29 feb *", "2028-02-29T00:00:00"),
        ("5,9,40/10 59 23 31 DEC *", "2026-12-31T23:59:05"),
        ("0 0 0 13 * FRI", "2026-11-13T00:00:00"),
        ("0 0 0 5-5 * *", "2026-07-05T00:00:00"),
        ("*/15 * * * *", "2026-06-11T12:15:00"),
    ],
)
def test_the_next_moment_of_a_schedule(expression: str, expected: str) -> None:
    assert parse(expression).next(START).isoformat() == f"{expected}+00:00"


def test_day_of_month_and_day_of_week_must_both_agree_where_cron_takes_either() -> None:
    moment = parse("0 0 0 13 * 5").next(START)
    assert (moment.day, moment.isoweekday()) == (13, 5)


def test_an_interval_counts_from_now() -> None:
    assert parse("00:00:05").next(START) == START + timedelta(seconds=5)


def test_every_step_of_a_schedule_follows_the_one_before() -> None:
    schedule, moment, seconds = parse("0,20,40 * * * * *"), START, []
    for _ in range(4):
        moment = schedule.next(moment)
        seconds.append(moment.second)
    assert seconds == [20, 40, 0, 20]


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * *",
        "60 * * * * *",
        "* * * * * 7",
        "5-1 * * * * *",
        "*/0 * * * * *",
        "x * * * * *",
        "0 0 0 * foo *",
        "00:00:00",
    ],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(BadSetting):
        parse(expression)


def test_a_schedule_that_never_fires_is_refused() -> None:
    with pytest.raises(BadSetting, match="never"):
        parse("0 0 0 30 2 *").next(START)
