"""A small orchestration engine in this process: replays generators from a recorded history, as the Durable one does.

It runs the procedures and activities of `blueprints.orchestrations`. Everything that passes through it is JSON, as on the
real one. `History` outlives an engine: after a `Crash` a new engine on the same history carries on, replaying what was
recorded and checking that the procedure asks for the same things in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

from blueprints.orchestrations import ACTIVITIES, ORCHESTRATORS, performed, procedure_of
from shared.operations.model import Operation, Run
from tests.unit.doubles.world import World


class Crash(BaseException):
    """The process is gone."""


class Death(Enum):
    """Where in an activity's life the process ends."""

    BEFORE = auto()  # nothing was done
    UNRECORDED = auto()  # its effects are there, its answer is lost
    RECORDED = auto()


Meanwhile = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Recorded:
    asked: str  # what the procedure asked for
    answer: Any
    at: datetime


@dataclass
class History:
    """By orchestration instance, what it asked for in order."""

    begun: dict[str, datetime] = field(default_factory=dict)
    steps: dict[str, dict[int, Recorded]] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    number: int
    kind: str
    name: str
    payload: Any
    fire_at: datetime | None = None

    @property
    def asked(self) -> str:
        return json.dumps([self.kind, self.name, self.payload, str(self.fire_at)], sort_keys=True)

    def cancel(self) -> None:
        """Of a timer: nobody waits for it any more."""


@dataclass(frozen=True)
class FirstOf:
    tasks: list[Task]

    def of(self, kind: str) -> Task:
        return next(task for task in self.tasks if task.kind == kind)


@dataclass
class Context:
    """The part of the Durable context that procedures use."""

    payload: Any
    current_utc_datetime: datetime
    tasks: int = 0

    def get_input(self) -> Any:
        return self.payload

    def call_activity(self, name: str, input_: Any = None) -> Task:
        return self._task("activity", name, input_)

    def call_sub_orchestrator(self, name: str, input_: Any = None, instance_id: str | None = None) -> Task:
        return self._task("orchestrator", f"{name} {instance_id}", input_)

    def create_timer(self, fire_at: datetime) -> Task:
        return self._task("timer", "", None, fire_at)

    def wait_for_external_event(self, name: str) -> Task:
        return self._task("event", name, None)

    def task_any(self, activities: list[Task]) -> FirstOf:
        return FirstOf(activities)

    def task_all(self, activities: list[Task]) -> list[Task]:
        return activities

    def _task(self, kind: str, name: str, payload: Any, fire_at: datetime | None = None) -> Task:
        self.tasks += 1
        return Task(self.tasks, kind, name, as_json(payload), fire_at)


@dataclass
class Engine:
    """`times`: how often each activity is executed before its (last) answer counts. `dies_at`, `death`: the activity, by
    its number in this engine's life, at which `Crash` ends it, and where. `meanwhile`: what happens, one after the other,
    each time the procedure waits to be woken or for its timer; then the provisioner's jobs work; then the timer fires.
    `before`: by an activity's name, what happens right before its first execution, once."""

    world: World
    history: History = field(default_factory=History)
    times: int = 1
    dies_at: int | None = None
    death: Death = Death.UNRECORDED
    poll_seconds: float = 60.0
    retry_seconds: float = 60.0
    meanwhile: list[Meanwhile] = field(default_factory=list)
    before: dict[str, Meanwhile] = field(default_factory=dict)
    activities: list[str] = field(default_factory=list)  # as executed, not as replayed

    async def run(self, operation: Operation) -> Any:
        """Start or carry on the orchestration of the operation's attempt; its answer."""
        run = Run(
            tenant_id=operation.tenant_id,
            environment_id=operation.environment_id,
            operation_id=operation.operation_id,
            attempt=operation.attempt,
            must_settle_by=operation.must_settle_by,
            poll_seconds=self.poll_seconds,
            retry_seconds=self.retry_seconds,
            project_id=operation.project_id,
            traceparent=f"00-{operation.trace_id.removeprefix('trace-')}-{'1' * 16}-01",  # an input stays what it was
        )
        answer = await self._orchestrate(procedure_of(operation), operation.instance_id, run.document())
        self.world.clock.advance(0.01)  # until the next thing happens
        return answer

    async def _orchestrate(self, name: str, instance_id: str, payload: Any) -> Any:
        begun = self.history.begun.setdefault(instance_id, self.world.clock())
        context = Context(as_json(payload), begun)
        steps = ORCHESTRATORS[name](context)
        answer: Any = None
        while True:
            try:
                wanted = steps.send(answer)
            except StopIteration as stop:
                return as_json(stop.value)
            if isinstance(wanted, list):
                answer = [await self._answer(instance_id, context, task) for task in wanted]
            elif isinstance(wanted, FirstOf):
                answer = await self._first(instance_id, context, wanted)
            else:
                answer = await self._answer(instance_id, context, wanted)

    async def _first(self, instance_id: str, context: Context, wanted: FirstOf) -> Task:
        """The event when something happened meanwhile, else the timer."""
        steps, event, timer = self.history.steps.setdefault(instance_id, {}), wanted.of("event"), wanted.of("timer")
        asked = f"{event.asked} or {timer.asked}"
        if timer.number not in steps:
            woken = await self._woken()
            if not woken and timer.fire_at is not None:
                self.world.clock.advance_to(timer.fire_at)
            steps[timer.number] = Recorded(asked, woken, self.world.clock())
        recorded = steps[timer.number]
        assert recorded.asked == asked, f"not deterministic: {recorded.asked} became {asked}"
        context.current_utc_datetime = max(context.current_utc_datetime, recorded.at)
        return event if recorded.answer else timer

    async def _woken(self) -> bool:
        if self.meanwhile:
            await self.meanwhile.pop(0)()
            return True
        return await self.world.jobs.work()

    async def _answer(self, instance_id: str, context: Context, task: Task) -> Any:
        steps = self.history.steps.setdefault(instance_id, {})
        if task.number not in steps:
            steps[task.number] = Recorded(task.asked, *await self._done(task, steps))
        recorded = steps[task.number]
        assert recorded.asked == task.asked, f"not deterministic: {recorded.asked} became {task.asked}"
        context.current_utc_datetime = max(context.current_utc_datetime, recorded.at)
        return recorded.answer

    async def _done(self, task: Task, steps: dict[int, Recorded]) -> tuple[Any, datetime]:
        if task.kind == "timer":
            assert task.fire_at is not None
            self.world.clock.advance_to(task.fire_at)
            return None, self.world.clock()
        if task.kind == "orchestrator":
            name, _, instance_id = task.name.partition(" ")
            return await self._orchestrate(name, instance_id, task.payload), self.world.clock()
        return await self._activity(task, steps)

    async def _activity(self, task: Task, steps: dict[int, Recorded]) -> tuple[Any, datetime]:
        self.activities.append(task.name)
        dying = len(self.activities) == self.dies_at
        if dying and self.death is Death.BEFORE:
            raise Crash
        if task.name in self.before:
            await self.before.pop(task.name)()
        for _ in range(self.times):
            answer = await self._executed(task)
        if dying:
            if self.death is Death.RECORDED:
                steps[task.number] = Recorded(task.asked, answer, self.world.clock())
            raise Crash
        return answer, self.world.clock()

    async def _executed(self, task: Task) -> Any:
        self.world.clock.advance(0.01)
        return await activity(self.world, task.name, task.payload)


async def activity(world: World, name: str, payload: Any) -> Any:
    """Execute an activity by its name; its outcome."""
    attribute, run_type, body = ACTIVITIES[name]
    run = run_type.read(payload)

    async def work() -> Any:
        return await body(getattr(world, attribute), run)

    return as_json(await performed(name, payload, work))


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


async def died(
    world: World,
    operation: Operation,
    dies_at: int,
    death: Death = Death.UNRECORDED,
    history: History | None = None,
    **happening: Any,
) -> History:
    """Run until the process ends; the history that is left. When it ends by itself before that, so be it.

    `happening` is the engine's `meanwhile` and `before`: what did not happen yet is left in them.
    """
    history = history or History()
    with suppress(Crash):
        await Engine(world, history, dies_at=dies_at, death=death, **happening).run(operation)
    return history
