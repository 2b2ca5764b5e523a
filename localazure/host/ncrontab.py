"""NCRONTAB schedules: six fields with seconds first, or an interval hh:mm:ss.

Both day fields must agree (Unix cron takes either). Fields take `*`, numbers, names, lists, ranges
and steps. Times are UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from localazure.host.configuration import BadSetting, timespan

_FIELDS = (("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = dict(zip(_MONTH_NAMES, range(1, 13), strict=True))
_WEEKDAYS = dict(zip(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), range(7), strict=True))
_SEARCHED_DAYS = 366 * 8  # a leap day that is also a given weekday comes within 28 years, one of any weekday within 8


@dataclass(frozen=True)
class Schedule:
    """When a timer is due. `interval` is set for hh:mm:ss schedules, else the six `fields` hold the allowed values."""

    fields: tuple[tuple[int, ...], ...] = ()
    interval: timedelta | None = None

    def next(self, after: datetime) -> datetime:
        """The first moment strictly after `after`, whole seconds. Raises `BadSetting` when there is none in eight years."""
        if self.interval is not None:
            return after + self.interval
        second, minute, hour, days, months, weekdays = self.fields
        moment = after.replace(microsecond=0) + timedelta(seconds=1)
        for _ in range(_SEARCHED_DAYS):
            if moment.day in days and moment.month in months and moment.isoweekday() % 7 in weekdays:
                clock = (moment.hour, moment.minute, moment.second)
                for h, m, s in ((h, m, s) for h in hour if h >= moment.hour for m in minute for s in second):
                    if (h, m, s) >= clock:
                        return moment.replace(hour=h, minute=m, second=s)
            moment = moment.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        raise BadSetting("the schedule never fires")


def parse(text: str) -> Schedule:
    """The schedule that `text` writes down. Raises `BadSetting`."""
    if re.fullmatch(r"\d+:\d{1,2}:\d{1,2}", text.strip()):
        interval = timedelta(seconds=timespan(text))
        if not interval:
            raise BadSetting(f"{text!r} is no interval")
        return Schedule(interval=interval)
    parts = text.split()
    if len(parts) == 5:
        parts.insert(0, "0")  # NCrontab reads five fields as starting with minutes
    if len(parts) != 6:
        raise BadSetting(f"{text!r} is not an NCRONTAB expression of six fields")
    return Schedule(fields=tuple(_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)))


def _values(text: str, name: str, low: int, high: int) -> tuple[int, ...]:
    values: set[int] = set()
    for part in text.split(","):
        body, _, step = part.partition("/")
        first, last = _range(body, name, low, high, open_ended=bool(step))
        if not low <= first <= last <= high or (step and not (step.isdigit() and int(step))):
            raise BadSetting(f"{part!r} is not a {name} ({low} to {high})")
        values.update(range(first, last + 1, int(step or 1)))
    return tuple(sorted(values))


def _range(body: str, name: str, low: int, high: int, *, open_ended: bool) -> tuple[int, int]:
    if body == "*":
        return low, high
    start, dash, end = body.partition("-")
    first = _number(start, name)
    if dash:
        return first, _number(end, name)
    return first, high if open_ended else first


def _number(text: str, name: str) -> int:
    names = {"month": _MONTHS, "weekday": _WEEKDAYS}.get(name, {})
    if (known := names.get(text[:3].lower())) is not None:
        return known
    if not (text.isascii() and text.isdigit()):
        raise BadSetting(f"{text!r} is not a {name}")
    return int(text)
