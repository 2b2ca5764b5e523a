"""Orchestrations played in this process: the generators of `shared` driven by hand, their activities run for real.

What the engine would add (replay, journal, messages) is left out on purpose: the time that passes is the platform's own
work. Timers move the clock. An activity that raises ends the play: nothing here is meant to fail.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from datetime import datetime
from typing import Any

from blueprints.orchestrations import ACTIVITIES, ORCHESTRATORS
from shared.kernel.record import Record
from shared.operations.procedure import Payload, value
from tests.unit.doubles.clock import FakeClock

Task = Callable[[], Awaitable[Any]]


class Play:
    """The Durable context of one orchestration: a task is a coroutine function that is run when it is yielded."""

    def __init__(self, dependencies: Any, clock: FakeClock, given: Payload) -> None:
        self._dependencies = dependencies
        self._clock = clock
        self._given = given

    async def run(self, name: str) -> Any:
        """Play the orchestrator of that name to its end; what it returns."""
        steps: Generator[Task, Any, Any] = ORCHESTRATORS[name](self)
        try:
            task = next(steps)
            while True:
                task = steps.send(await task())
        except StopIteration as end:
            return end.value

    @property
    def current_utc_datetime(self) -> datetime:
        return self._clock()

    def get_input(self) -> Any:
        return self._given

    def call_activity(self, name: str, input_: Any = None) -> Task:
        attribute, payload, body = ACTIVITIES[name]

        async def activity() -> Payload:
            answer = await body(getattr(self._dependencies, attribute), payload.read(input_))
            return value(answer.document() if isinstance(answer, Record) else answer)

        return activity

    def call_sub_orchestrator(self, name: str, input_: Any = None, instance_id: str | None = None) -> Task:
        return lambda: Play(self._dependencies, self._clock, input_).run(name)

    def create_timer(self, fire_at: datetime) -> Task:
        async def timer() -> None:
            self._clock.advance_to(fire_at)

        return timer

    def task_all(self, activities: list[Task]) -> Task:
        async def everything() -> list[Any]:
            return [await task() for task in activities]

        return everything

    def task_any(self, activities: list[Task]) -> Task:
        raise NotImplementedError("a deployment waits for nothing but activities")

    def wait_for_external_event(self, name: str) -> Task:
        raise NotImplementedError("a deployment waits for nothing but activities")
