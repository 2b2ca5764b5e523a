"""How the long flows are written: plain generators over the part of the Durable context they use.

Replayed from history at every step, so: no clock, no randomness, no I/O but through `context`. An activity answers with
an *outcome* as data, never with an exception: a value; `transient` (try again: the budget of the run says how long);
`superseded` (a newer attempt holds the operation: stop without another effect); `refused` (it will never work).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

Payload = dict[str, Any]
Steps = Generator[Any, Any, Any]

FIRST_WAIT = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(seconds=30)


class Context(Protocol):
    """The part of the Durable orchestration context these procedures use."""

    @property
    def current_utc_datetime(self) -> datetime: ...
    def get_input(self) -> Any: ...
    def call_activity(self, name: str, input_: Any = None) -> Any: ...
    def call_sub_orchestrator(self, name: str, input_: Any = None, instance_id: str | None = None) -> Any: ...
    def create_timer(self, fire_at: datetime) -> Any: ...
    def wait_for_external_event(self, name: str) -> Any: ...
    def task_any(self, activities: list[Any]) -> Any: ...
    def task_all(self, activities: list[Any]) -> Any: ...


class SupersededRun(Exception):
    """Ends a procedure quietly."""


class StepFailed(Exception):
    """A step will not succeed: `code` and `message` become the operation's error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def value(result: Any) -> Payload:
    return {"value": result}


def transient(dependency: str, after: float) -> Payload:
    return {"transient": dependency, "after": after}


def refused(code: str, message: str) -> Payload:
    return {"refused": code, "message": message}


SUPERSEDED: Payload = {"superseded": True}
WAKE = "wake"  # the one external event: look at the row now
CANCELED = "Canceled"  # the code of a step that stopped because the operation is to be taken back


def canceled(by: str, reason: str | None) -> Payload:
    return refused(CANCELED, f"{by} cancelled it" + (f": {reason}" if reason else ""))


def steady(context: Context, name: str, payload: Payload, *, until: datetime | None = None) -> Steps:
    """One activity, tried again while it meets only transient errors: for `retrySeconds` of the run, or `until`.

    Raises `StepFailed`, `SupersededRun`.
    """
    outcomes = yield from steady_all(context, name, [payload], until=until)
    return outcomes[0]


def steady_all(context: Context, name: str, payloads: Sequence[Payload], *, until: datetime | None = None) -> Steps:
    """The same activity for every payload, in parallel; only those that met a transient error are tried again.

    Ends when each has an outcome; then raises for the first that is refused, so that no effect is under way any more.
    """
    if not payloads:
        return []
    last = until or context.current_utc_datetime + timedelta(seconds=payloads[0]["retrySeconds"])
    results: list[Payload] = [{} for _ in payloads]
    todo, wait = list(range(len(payloads))), FIRST_WAIT
    while True:
        answers = yield context.task_all([context.call_activity(name, payloads[index]) for index in todo])
        for index, answer in zip(todo, answers, strict=True):
            results[index] = answer
        todo = [index for index in todo if "transient" in results[index]]
        if not todo or context.current_utc_datetime >= last:
            return [_unwrapped(result) for result in results]
        pause = max(wait, timedelta(seconds=max(results[index]["after"] for index in todo)))
        yield context.create_timer(min(context.current_utc_datetime + pause, last))
        wait = min(wait * 2, LONGEST_WAIT)


def told(context: Context, look: str, payload: Payload, late: str, *, longest: timedelta | None = None) -> Steps:
    """Wait for what the row will say: `look` is called when the run is woken and at every poll, until it answers
    something. The row is the truth; a lost event costs a poll. With `longest` the polls get rarer, up to that: what is
    waited for is a person, and a day of polls a minute would be a history that takes long to replay.

    Raises `StepFailed`: `DeadlineExceeded` with the text `late` when the deadline of the run passes first.
    """
    deadline, every = datetime.fromisoformat(payload["mustSettleBy"]), timedelta(seconds=payload["pollSeconds"])
    woken = context.wait_for_external_event(WAKE)
    while True:
        seen = yield from steady(context, look, payload)
        if seen:
            return seen
        if context.current_utc_datetime >= deadline:
            raise StepFailed("DeadlineExceeded", late)
        timer = context.create_timer(min(context.current_utc_datetime + every, deadline))
        every = max(every, min(every * 2, longest)) if longest else every
        if (yield context.task_any([woken, timer])) is woken:
            timer.cancel()  # an open timer would keep the instance running
            woken = context.wait_for_external_event(WAKE)


def _unwrapped(outcome: Payload) -> Any:
    if "value" in outcome:
        return outcome["value"]
    if "superseded" in outcome:
        raise SupersededRun
    if "refused" in outcome:
        raise StepFailed(outcome["refused"], outcome["message"])
    raise StepFailed("DependencyUnavailable", f"{outcome['transient']} could not be reached")


def settled(context: Context, steps: Callable[[Context, Payload], Steps], fail: str) -> Steps:
    """Run a procedure to its end, whatever happens: what goes wrong becomes the operation's outcome through `fail`.

    `fail` is tried until the deadline, and for the run's budget when that has passed or is near: nothing else of this
    run could end the operation.
    """
    run: Payload = context.get_input()
    try:
        return (yield from steps(context, run))
    except SupersededRun:
        return "superseded"
    except StepFailed as error:
        budget = context.current_utc_datetime + timedelta(seconds=run["retrySeconds"])
        deadline = max(datetime.fromisoformat(run["mustSettleBy"]), budget)
        payload = {**run, "error": {"code": error.code, "message": error.message}}
        try:
            yield from steady(context, fail, payload, until=deadline)
        except SupersededRun:
            return "superseded"
        return "failed"
