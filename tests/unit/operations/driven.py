"""A Durable engine played by hand: it hands out what a procedure asks for, and the test says how each of it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.operations.procedure import Context, Payload, Steps
from tests.unit.operations.world import NOON


@dataclass(eq=False)
class Activity:
    name: str
    payload: Any


@dataclass(eq=False)
class Timer:
    at: datetime
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(eq=False)
class Awaited:
    event: str


@dataclass(eq=False)
class AnyOf:
    tasks: list[Any]


@dataclass(eq=False)
class AllOf:
    tasks: list[Any]


class Driven:
    """A context. `result` is what the procedure returned, None while it runs."""

    def __init__(self, run: Payload) -> None:
        self.current_utc_datetime = NOON
        self.result: Any = None
        self.timers: list[Timer] = []
        self._run = run
        self._steps: Steps
        self._pending: Any = None

    # The part that procedures use.

    def get_input(self) -> Payload:
        return self._run

    def call_activity(self, name: str, input_: Any = None) -> Activity:
        return Activity(name, input_)

    def call_sub_orchestrator(self, name: str, input_: Any = None, instance_id: str | None = None) -> Activity:
        return Activity(name, input_)

    def create_timer(self, fire_at: datetime) -> Timer:
        self.timers.append(Timer(fire_at))
        return self.timers[-1]

    def wait_for_external_event(self, name: str) -> Awaited:
        return Awaited(name)

    def task_any(self, activities: list[Any]) -> AnyOf:
        return AnyOf(activities)

    def task_all(self, activities: list[Any]) -> AllOf:
        return AllOf(activities)

    # The part that tests play.

    def play(self, procedure: Callable[[Context], Steps]) -> Driven:
        self._steps = procedure(self)
        self._send(None)
        return self

    def ends(self, name: str, *outcomes: Payload) -> list[Payload]:
        """The activities that run now are of that name, and end so; their payloads."""
        assert isinstance(self._pending, AllOf), self._pending
        assert [task.name for task in self._pending.tasks] == [name] * len(outcomes)
        payloads = [task.payload for task in self._pending.tasks]
        self._send(list(outcomes))
        return payloads

    def fires(self) -> datetime:
        """The timer that is waited for, alone or beside an event, fires; when."""
        waited = self._pending.tasks if isinstance(self._pending, AnyOf) else [self._pending]
        timer = next(task for task in waited if isinstance(task, Timer))
        self.current_utc_datetime = max(self.current_utc_datetime, timer.at)
        self._send(timer)
        return timer.at

    def hears(self, event: str) -> None:
        assert isinstance(self._pending, AnyOf), self._pending
        self._send(next(task for task in self._pending.tasks if isinstance(task, Awaited) and task.event == event))

    @property
    def waits(self) -> bool:
        """For time or an event, and for no activity."""
        return isinstance(self._pending, AnyOf | Timer)

    def _send(self, value: Any) -> None:
        try:
            self._pending = self._steps.send(value)
        except StopIteration as ended:
            self._pending, self.result = None, ended.value
