"""Every point, before it and after it: many lives at a time, on several platforms, until every crash was carried out.

A kill hits all lives of its platform at whatever they were doing, so each life meets several kills that nobody planned
for it; all of them must see what undisturbed lives saw. That is more than one kill per run, and a kill costs a restart
of two seconds however many lives it hits. A crash that was not reached, because an unplanned kill had led the flow round
it, is tried again, at last with no other life beside it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.e2e.driving import Json, Platform
from tests.e2e.observer import Observer
from tests.e2e.rows import Rows
from tests.settle.life import FLOWS, Life
from tests.settle.plans import AFTER, BEFORE, KILL, Folder, Plan

LIVES_AT_ONCE = 6  # on one platform
TRIES = 3  # beside others; then alone
NOT_OF_A_FLOW = ("commit ~active delete",)  # the sweep takes an idle environment off its list, minutes later
ONCE_AT_LEAST = ("bus publish", "commit -out")  # a sweep may send beside the one who committed: how often is chance


@dataclass(frozen=True)
class Ground:
    """A platform to live on, with what looks at it."""

    platform: Platform
    folder: Folder
    rows: Rows
    observer: Observer

    def life(self) -> Life:
        return Life.begin(self.platform, self.folder, self.rows, self.observer)


@dataclass(frozen=True)
class Crash:
    flow: str
    point: str
    occurrence: int
    when: str

    def __str__(self) -> str:
        again = f" #{self.occurrence}" if self.occurrence > 1 else ""
        return f"{self.flow}: {self.when} {self.point}{again}"


@dataclass
class Reference:
    """What an undisturbed life sees after each flow, and the points it passes on the way."""

    states: dict[str, Json] = field(default_factory=dict)
    points: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def taken(cls, ground: Ground) -> Reference:
        reference, life = cls(), ground.life()
        for flow in FLOWS:
            life.prepare(flow)
            life.still()
            since = len(life.folder.recorded(life.tenant.tenant_id))
            life.play(flow)
            reference.states[flow] = life.at_rest()
            recorded = life.folder.recorded(life.tenant.tenant_id, since)
            reference.points[flow] = [point for when, point in recorded if when == AFTER]
        return reference

    @classmethod
    def of(cls, grounds: Sequence[Ground]) -> list[Reference]:
        """One on each platform, at the same time."""
        with ThreadPoolExecutor(len(grounds)) as pool:
            return list(pool.map(cls.taken, grounds))


def crashes(references: Sequence[Reference]) -> list[Crash]:
    """Every point that all undisturbed lives passed, as often as all passed it, before and after."""
    found: list[Crash] = []
    for flow in FLOWS:
        times = [Counter(reference.points[flow]) for reference in references]
        for point in dict.fromkeys(references[0].points[flow]):
            effect = point.partition(": ")[2]
            if effect not in NOT_OF_A_FLOW:
                common = min(1 if effect.startswith(ONCE_AT_LEAST) else count[point] for count in times)
                found += [Crash(flow, point, at, when) for at in range(1, common + 1) for when in (BEFORE, AFTER)]
    return found


@dataclass
class Campaign:
    grounds: Sequence[Ground]
    reference: Reference
    action: str = KILL
    held: list[Crash] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)
    not_reached: list[Crash] = field(default_factory=list)
    _tries: Counter[Crash] = field(default_factory=Counter)
    _queues: dict[str, deque[Crash]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, wanted: Iterable[Crash]) -> None:
        self._queues = {flow: deque() for flow in FLOWS}
        for crash in wanted:
            self._queues[crash.flow].append(crash)
        self._live(LIVES_AT_ONCE)
        for crash in self.not_reached:
            self._queues[crash.flow].append(crash)
        self.not_reached = []
        self._live(1)

    def table(self, wanted: Sequence[Crash]) -> list[str]:
        """A line for each point: how often it was crashed before and after, and held."""
        held, lines = Counter((one.flow, one.point, one.when) for one in self.held), []
        asked = Counter((one.flow, one.point, one.when) for one in wanted)
        for flow, point in dict.fromkeys((one.flow, one.point) for one in wanted):
            told = [f"{when} {held[flow, point, when]}/{asked[flow, point, when]}" for when in (BEFORE, AFTER)]
            lines.append(f"{flow:<18} {point:<75} {'  '.join(told)}")
        return lines

    def _live(self, at_once: int) -> None:
        places = [ground for ground in self.grounds for _ in range(at_once)]
        with ThreadPoolExecutor(len(places)) as pool:
            for ended in [pool.submit(self._work, ground) for ground in places]:
                ended.result()

    def _work(self, ground: Ground) -> None:
        while any(self._queues.values()):
            self._one(ground.life())

    def _one(self, life: Life) -> None:
        """A life with one crash in each flow; it ends early where something is wrong, and says what."""
        crash = None
        try:
            for number, flow in enumerate(FLOWS):
                if not any(self._queues[later] for later in FLOWS[number:]):
                    return
                life.prepare(flow)
                crash = self._next(flow)
                self._flow(life, flow, crash)
        except Exception as wrong:  # whatever it is, it is what this crash led to
            self._note(life, str(crash), [f"{type(wrong).__name__}: {wrong}"])
            life.folder.used(life.tenant.tenant_id)

    def _flow(self, life: Life, flow: str, crash: Crash | None) -> None:
        tenant = life.tenant.tenant_id
        if crash is not None:
            life.folder.arm(tenant, Plan(crash.point, crash.occurrence, crash.when, self.action))
        life.play(flow)
        left = life.until_same(self.reference.states[flow])
        carried_out = life.folder.used(tenant)
        if left:
            self._note(life, f"{crash or flow}", left)
        elif crash is not None:
            self._ended(crash, carried_out)

    def _note(self, life: Life, what: str, lines: list[str]) -> None:
        with self._lock:
            self.problems.setdefault(what, []).extend([f"({life.tenant.tenant_id}, {time.strftime('%X')})", *lines])

    def _next(self, flow: str) -> Crash | None:
        with self._lock:
            return self._queues[flow].popleft() if self._queues[flow] else None

    def _ended(self, crash: Crash, carried_out: bool) -> None:
        with self._lock:
            self._tries[crash] += 1
            if carried_out:
                self.held.append(crash)
            elif self._tries[crash] < TRIES:
                self._queues[crash.flow].append(crash)
            else:
                self.not_reached.append(crash)
