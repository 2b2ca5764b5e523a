"""Hands the backend's work to the app: episodes to a small pool of threads, activities to the event loop.

An episode is CPU work on one instance and never runs twice at once for it. An activity runs at least once: its result is
dropped when its instance ended or continued as new meanwhile, and it runs again when the host was killed under it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb
from azure.functions.meta import Datum

from localazure.host.durable.backend import Backend
from localazure.host.durable.in_process import CALL
from localazure.host.durable.replay import replay
from localazure.host.indexing import Function
from localazure.host.invocation import Invoker

log = logging.getLogger("localazure.host.durable")
LONGEST_HISTORY = 10_000  # events; beyond it Azure is of no use either (each episode replays all of them)
_EPISODES_AT_ONCE = 4


class Engine:
    """Runs the orchestrations of `functions` on `backend`. Names are the trigger's own or the function's.

    `activities_at_once` is host.json's maxConcurrentActivityFunctions; the others wait their turn.
    """

    def __init__(self, functions: Iterable[Function], invoke: Invoker, backend: Backend, activities_at_once: int) -> None:
        functions = list(functions)
        self.orchestrators = _named(functions, "orchestrationTrigger", "orchestration")
        self._activities = _named(functions, "activityTrigger", "activity")
        self.backend = backend
        self._invoke = invoke
        self._pool = ThreadPoolExecutor(_EPISODES_AT_ONCE, thread_name_prefix="orchestrator")
        self._slots = asyncio.Semaphore(activities_at_once)
        self._running: set[Future[None]] = set()

    def start(self) -> None:
        """Begin to work, on the running loop. Not before HTTP serves: activities may start orchestrations through it."""
        loop = asyncio.get_running_loop()
        self.backend.start_writing()
        threading.Thread(target=self._dispatch, args=(loop,), name="durable-dispatch", daemon=True).start()

    async def stop(self) -> None:
        """Let go of activities in flight, which run again next time, and write everything down."""
        self.backend.stop()
        for activity in tuple(self._running):
            activity.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
        await asyncio.sleep(0)
        self.backend.close()

    def _dispatch(self, loop: asyncio.AbstractEventLoop) -> None:
        for item in self.backend.GetWorkItems(pb.GetWorkItemsRequest(), CALL):
            if self.backend.stopped:
                return
            token = item.completionToken
            if item.HasField("orchestratorRequest"):
                self._pool.submit(self._episode, item.orchestratorRequest, token)
            elif item.HasField("activityRequest"):
                self.backend.flush(episodes_only=True)
                activity = asyncio.run_coroutine_threadsafe(self._activity(item.activityRequest, token), loop)
                self._running.add(activity)
                activity.add_done_callback(self._running.discard)

    # -- orchestrations

    def _episode(self, request: pb.OrchestratorRequest, token: str) -> None:
        key = request.instanceId
        response = pb.OrchestratorResponse(instanceId=key, completionToken=token)
        cancelled: Iterable[int] = ()
        try:
            cancelled = self._decide(request, response)
        except Exception as error:  # a defect here or in the library: the instance fails and says why, instead of hanging
            log.exception("orchestration %s failed", key)
            del response.actions[:]
            response.actions.append(_failed(helpers.new_failure_details(error)))
        if not response.HasField("customStatus") and (kept := self.backend.custom_status_of(key)) is not None:
            response.customStatus.value = kept  # the backend takes "none given" for "empty"
        try:
            self.backend.CompleteOrchestratorTask(response, CALL)
            self.backend.cancel_timers(key, cancelled)
        except Exception:  # in a pool thread nobody else would say so
            log.exception("the outcome of an episode of %s could not be kept", key)

    def _decide(self, request: pb.OrchestratorRequest, response: pb.OrchestratorResponse) -> Iterable[int]:
        events = [*request.pastEvents, *request.newEvents]
        terminated = next((e.executionTerminated for e in events if e.HasField("executionTerminated")), None)
        if terminated is not None:
            ending = helpers.new_complete_orchestration_action(
                -1, pb.ORCHESTRATION_STATUS_TERMINATED, terminated.input.value
            )
            response.actions.append(ending)
            return ()
        if _suspended(events):
            return ()
        if len(events) > LONGEST_HISTORY:
            response.actions.append(_failed(_details(f"the history exceeds {LONGEST_HISTORY} events")))
            return ()
        name = next(e.executionStarted.name for e in events if e.HasField("executionStarted"))
        function = self.orchestrators.get(name)
        if function is None:
            response.actions.append(_failed(_details(f"Orchestrator function '{name}' does not exist")))
            return ()
        episode = replay(function, request.instanceId, self.backend.parent_of(request.instanceId), events)
        response.actions.extend(episode.actions)
        if episode.custom_status is not None:
            response.customStatus.value = episode.custom_status
        self._log_failure(request.instanceId, episode.actions)
        return episode.cancelled_timers

    def _log_failure(self, key: str, actions: Sequence[pb.OrchestratorAction]) -> None:
        for action in actions:
            if action.completeOrchestration.HasField("failureDetails"):
                details = action.completeOrchestration.failureDetails
                log.error("orchestration %s: %s\n%s", key, details.errorMessage, details.stackTrace.value)

    # -- activities

    async def _activity(self, request: pb.ActivityRequest, token: str) -> None:
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId, taskId=request.taskId, completionToken=token
        )
        function = self._activities.get(request.name)
        try:
            if function is None:
                raise LookupError(f"The activity function '{request.name}' doesn't exist")
            async with self._slots:
                result = await self._invoke(function, Datum(request.input.value, "string"))
            if result is not None:
                response.result.value = result.value
        except Exception as error:  # the app's: the orchestrator decides what becomes of it
            log.warning("activity %s of %s failed", request.name, response.instanceId, exc_info=True)
            details = helpers.new_failure_details(error)
            details.errorMessage = f"Activity function '{request.name}' failed: {type(error).__name__}: {error}"
            response.failureDetails.CopyFrom(details)
        self.backend.CompleteActivityTask(response, CALL)


def _named(functions: Iterable[Function], kind: str, key: str) -> dict[str, Function]:
    return {str(one.trigger.get(key) or one.name): one for one in functions if one.kind == kind}


def _suspended(events: Sequence[pb.HistoryEvent]) -> bool:
    kinds = (event.WhichOneof("eventType") for event in reversed(events))
    return next((kind for kind in kinds if kind in ("executionSuspended", "executionResumed")), "") == "executionSuspended"


def _details(message: str) -> pb.TaskFailureDetails:
    return pb.TaskFailureDetails(errorType="System.InvalidOperationException", errorMessage=message)


def _failed(details: pb.TaskFailureDetails) -> pb.OrchestratorAction:
    return helpers.new_complete_orchestration_action(-1, pb.ORCHESTRATION_STATUS_FAILED, None, details)
