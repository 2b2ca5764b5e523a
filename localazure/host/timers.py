"""Timer triggers: one loop per function, so runs of one function never overlap; a tick it slept through is skipped.

Schedules of a minute and more are monitored as in Azure (unless `useMonitor` is false): the last run is kept on disk, and a
tick that fell due while the host was down is made up for at once, with `past_due` true. Shorter ones are never past due.
"""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta

from azure.functions.meta import Datum

from localazure.host.configuration import BadSetting
from localazure.host.indexing import Function
from localazure.host.invocation import Invoker
from localazure.host.ncrontab import Schedule, parse
from localazure.shelf import Shelf

log = logging.getLogger("localazure.host.timers")
_KIND = "host.timer"
_LONGEST_SLEEP = 60.0  # seconds; the wall clock may be set meanwhile
_MONITORED_FROM = timedelta(minutes=1)


class Timer:
    """One timer function. `last` is when it last ran, as known to the monitor. Raises `BadSetting` for its schedule."""

    def __init__(self, function: Function, invoke: Invoker, shelf: Shelf) -> None:
        try:
            self.schedule: Schedule = parse(function.trigger["schedule"])
            first = self.schedule.next(datetime.now(UTC))
            between = self.schedule.next(first) - first
        except BadSetting as error:
            raise BadSetting(f"{function.name}: {error}") from error
        self.function = function
        self._invoke = invoke
        self._shelf = shelf
        self._monitored = function.trigger.get("useMonitor", True) and between >= _MONITORED_FROM
        kept = shelf.get(_KIND, function.name) if self._monitored else None
        self.last = datetime.fromisoformat(kept["last"]) if kept else None

    async def run(self) -> None:
        """Fire on schedule until cancelled; a failing function is logged and waits for its next tick."""
        overdue = self.last is not None and self.schedule.next(self.last) <= datetime.now(UTC)
        if overdue or self.function.trigger.get("runOnStartup"):
            await self.fire(past_due=overdue)
        while True:
            due = self.schedule.next(datetime.now(UTC))
            await _sleep_until(due)
            await self.fire(past_due=False)

    async def fire(self, *, past_due: bool) -> None:
        """One run, now."""
        started = datetime.now(UTC)
        try:
            await self._invoke(self.function, self._request(started, past_due))
        except Exception:  # the app's; the timer goes on, as in Azure
            log.exception("timer %s failed", self.function.name)
        self.last = started
        if self._monitored:
            self._shelf.put(_KIND, self.function.name, {"last": started.isoformat()})

    def _request(self, now: datetime, past_due: bool) -> Datum:
        last = self.last or now
        status = {"Last": last.isoformat(), "Next": self.schedule.next(now).isoformat(), "LastUpdated": last.isoformat()}
        return Datum(
            json.dumps({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}), "json"
        )


async def _sleep_until(due: datetime) -> None:
    while (wait := (due - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110  (it waits for the wall clock)
        await asyncio.sleep(min(wait, _LONGEST_SLEEP))
