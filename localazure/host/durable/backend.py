"""durabletask's in-memory backend, called in process, mended and journalled.

It is a test backend (durabletask 1.12, pinned) with defects that a host cannot have; every override below names the one it
mends and has a test of its own. All overrides hold the backend's lock, so a journal snapshot never sees half an episode:
what started a sub-orchestration and the sub-orchestration, its end and the result waiting at its parent, are one write.

Durability: what a caller was told (`told`) is on disk before it is told; an episode is on disk before an activity that it
scheduled runs (`flush` by the engine); the rest follows within 25 ms. Activities that a crash interrupts run again.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import (
    ActivityWorkItem,
    InMemoryOrchestrationBackend,
    OrchestrationInstance,
)

from localazure.host.durable.in_process import CALL
from localazure.host.durable.store import Journal
from localazure.host.durable.timers import DurableTimers

_WRITE_BEHIND = 0.025  # seconds
_SURVIVES_CONTINUE_AS_NEW = frozenset({"eventRaised", "executionSuspended", "executionResumed", "executionTerminated"})
_WAKES_SUSPENDED = frozenset({"executionResumed", "executionTerminated"})
_TASK_ENDED = ("taskCompleted", "taskFailed", "subOrchestrationInstanceCompleted", "subOrchestrationInstanceFailed")
_READS = frozenset({"GetInstance", "QueryInstances"})
PARENT = "parentInstanceId"


class Backend(InMemoryOrchestrationBackend):
    """State, queues and timers of all instances. `loop` fires the timers; start it with `start_writing`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, journal: Journal) -> None:
        super().__init__(max_history_size=sys.maxsize)  # the engine fails an instance at Azure's limit; this would hang it
        self._journal = journal
        self._changed: set[str] = set()
        self._episode_unsaved = False
        self._parents: dict[str, tuple[str, int]] = {}  # sub-orchestration -> who waits for it, as which task
        self._timers = DurableTimers(loop, self._lock, self._fire)
        self._oldest_token: dict[str, int] = {}  # instance -> activities scheduled before this token are another life's
        with self._lock:
            self._restore()

    # -- the journal

    def told(self, method: str, request: Any) -> Any:
        """Call a servicer method; its effect, or what it read, is on disk when this returns. Raises `Aborted`."""
        with self._lock:
            known = set(self._instances) if method == "PurgeInstances" else set()
            answer = getattr(self, method)(request, CALL)
            if method not in _READS:
                touched = {getattr(request, "instanceId", ""), getattr(answer, "instanceId", "")} - {""}
                self._changed |= touched | (known - set(self._instances))
            self.flush()
        return answer

    def flush(self, *, episodes_only: bool = False) -> None:
        """Write what changed since the last call; with `episodes_only` only if an episode ended since."""
        with self._lock:
            if not self._changed or (episodes_only and not self._episode_unsaved):
                return
            self._journal.save({key: self._instances.get(key) for key in self._changed})
            self._changed.clear()
            self._episode_unsaved = False

    def start_writing(self) -> None:
        threading.Thread(target=self._write_behind, name="durable-journal", daemon=True).start()

    def _write_behind(self) -> None:
        while not self._shutdown_event.wait(_WRITE_BEHIND):
            self.flush()

    @property
    def stopped(self) -> bool:
        return self._shutdown_event.is_set()

    def close(self) -> None:
        """Stop handing out work, write the rest, close the journal."""
        self.stop()
        with self._lock:
            self.flush()
            self._journal.close()

    # -- the six repairs

    def _watch_sub_orchestration(self, parent_instance_id: str, sub_instance_id: str, task_id: int) -> None:
        # A thread per sub-orchestration that gives up after 30 s, so that the parent hangs for ever.
        self._parents[sub_instance_id] = (parent_instance_id, task_id)
        if (sub := self._instances.get(sub_instance_id)) is not None:
            sub.tags = {PARENT: parent_instance_id}

    def _notify_waiters(self, instance_id: str) -> None:
        super()._notify_waiters(instance_id)
        instance = self._instances.get(instance_id)
        if instance is None or not self._is_terminal_status(instance.status):
            return
        self._end_life(instance)
        if waiting := self._parents.pop(instance_id, None):
            self._deliver(instance, *waiting)

    def _deliver(self, sub: OrchestrationInstance, parent_id: str, task_id: int) -> None:
        if (parent := self._instances.get(parent_id)) is None:
            return
        if sub.status == pb.ORCHESTRATION_STATUS_COMPLETED:
            event = helpers.new_sub_orchestration_completed_event(task_id, sub.output)
        else:
            reason = sub.failure_details.errorMessage if sub.failure_details else "the sub-orchestration was terminated"
            event = helpers.new_sub_orchestration_failed_event(task_id, Exception(reason))
        self._append(parent, event)

    def _process_complete_orchestration_action(
        self, instance: OrchestrationInstance, complete_action: pb.CompleteOrchestrationAction
    ) -> None:
        # Timers and results of one generation reach the next, whose task ids start at 0 again.
        if complete_action.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
            pending = instance.pending_events
            pending[:] = [event for event in pending if event.WhichOneof("eventType") in _SURVIVES_CONTINUE_AS_NEW]
            self._end_life(instance)
        super()._process_complete_orchestration_action(instance, complete_action)

    def _end_life(self, instance: OrchestrationInstance) -> None:
        """Nothing that was scheduled so far may reach what comes next under this id."""
        self._timers.forget(instance.instance_id)
        self._oldest_token[instance.instance_id] = instance.completion_token + 1
        self._parents = {sub: who for sub, who in self._parents.items() if who[0] != instance.instance_id}

    def CompleteActivityTask(self, request: pb.ActivityResponse, context: Any) -> pb.CompleteTaskResponse:
        with self._lock:
            if int(request.completionToken or 0) < self._oldest_token.get(request.instanceId, 0):
                return pb.CompleteTaskResponse()
            return super().CompleteActivityTask(request, context)

    def CompleteOrchestratorTask(self, request: pb.OrchestratorResponse, context: Any) -> pb.CompleteTaskResponse:
        # An event that arrives during an episode waits up to 100 ms for the dispatcher to look again.
        with self._lock:
            answer = super().CompleteOrchestratorTask(request, context)
            self._changed.add(request.instanceId)
            self._episode_unsaved = True
            self._work_available.set()
        return answer

    def _process_create_timer_action(self, instance: OrchestrationInstance, action: pb.OrchestratorAction) -> None:
        # A sleeping thread per timer, until it is due even when the instance has ended.
        fire_at = action.createTimer.fireAt.ToDatetime(tzinfo=UTC)
        instance.history.append(helpers.new_timer_created_event(action.id, fire_at))
        self._timers.arm(instance.instance_id, action.id, fire_at)

    def _enqueue_orchestration(self, instance_id: str) -> None:
        # A late result revives a terminated instance.
        self._changed.add(instance_id)
        instance = self._instances.get(instance_id)
        if instance is not None and self._is_terminal_status(instance.status):
            instance.pending_events.clear()
            return
        super()._enqueue_orchestration(instance_id)

    # -- timers

    def _fire(self, instance_id: str, timer: int, fire_at: datetime) -> None:
        if (instance := self._instances.get(instance_id)) is not None:
            self._append(instance, helpers.new_timer_fired_event(timer, fire_at))

    def cancel_timers(self, instance_id: str, timers: Iterable[int]) -> None:
        """Timers that the orchestrator cancelled need not wake it."""
        self._timers.cancel(instance_id, timers)

    def _append(self, instance: OrchestrationInstance, event: pb.HistoryEvent) -> None:
        instance.pending_events.append(event)
        instance.last_updated_at = datetime.now(UTC)
        if instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED:
            self._changed.add(instance.instance_id)
        else:
            self._enqueue_orchestration(instance.instance_id)

    # -- what the engine needs to know

    def parent_of(self, instance_id: str) -> str | None:
        with self._lock:
            instance = self._instances.get(instance_id)
            return (instance.tags or {}).get(PARENT) if instance else None

    def custom_status_of(self, instance_id: str) -> str | None:
        with self._lock:
            instance = self._instances.get(instance_id)
            return instance.custom_status if instance else None

    # -- after a crash

    def _restore(self) -> None:
        for instance in self._journal.load():
            self._instances[instance.instance_id] = instance
            self._next_completion_token = max(self._next_completion_token, instance.completion_token + 1)
        for instance in list(self._instances.values()):
            if not self._is_terminal_status(instance.status):
                self._take_up(instance)

    def _take_up(self, instance: OrchestrationInstance) -> None:
        ended = _ended_tasks([*instance.history, *instance.pending_events])
        for event in instance.history:
            if event.eventId not in ended:
                self._take_up_task(instance, event)
        waiting = {event.WhichOneof("eventType") for event in instance.pending_events}
        suspended = instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED
        if (waiting & _WAKES_SUSPENDED) if suspended else waiting:
            super()._enqueue_orchestration(instance.instance_id)

    def _take_up_task(self, instance: OrchestrationInstance, event: pb.HistoryEvent) -> None:
        key, task = instance.instance_id, event.eventId
        if event.HasField("taskScheduled"):
            scheduled = event.taskScheduled
            self._activity_queue.append(
                ActivityWorkItem(key, scheduled.name, task, scheduled.input.value, instance.completion_token)
            )
        elif event.HasField("timerCreated"):
            self._timers.arm(key, task, event.timerCreated.fireAt.ToDatetime(tzinfo=UTC))
        elif event.HasField("subOrchestrationInstanceCreated"):
            self._watch_sub_orchestration(key, event.subOrchestrationInstanceCreated.instanceId, task)


def _ended_tasks(events: Iterable[pb.HistoryEvent]) -> set[int]:
    ended = set()
    for event in events:
        kind = event.WhichOneof("eventType")
        if kind in _TASK_ENDED:
            ended.add(getattr(event, kind).taskScheduledId)
        elif kind == "timerFired":
            ended.add(event.timerFired.timerId)
    return ended
