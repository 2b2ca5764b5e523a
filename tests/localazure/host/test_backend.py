"""The repairs of durabletask's in-memory backend, one by one, and its journal. Played by hand: the test is the engine."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb
import pytest

from localazure.host.durable.backend import Backend
from localazure.host.durable.in_process import CALL, Aborted
from localazure.host.durable.replay import text
from localazure.host.durable.store import Journal


class Hand:
    """Takes work items and answers them, on a backend with a journal in `path`."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path)
        self.backend = Backend(asyncio.get_running_loop(), self.journal)
        self._items = self.backend.GetWorkItems(pb.GetWorkItemsRequest(), CALL)

    async def next(self) -> Any:
        """The next work item; within two seconds."""
        return await asyncio.wait_for(asyncio.to_thread(next, self._items), 2)

    async def episode(self) -> Any:
        item = await self.next()
        assert item.HasField("orchestratorRequest"), item
        return item

    async def activity(self) -> Any:
        item = await self.next()
        assert item.HasField("activityRequest"), item
        return item

    def start(self, key: str) -> None:
        self.backend.told("StartInstance", pb.CreateInstanceRequest(instanceId=key, name="flow", **replaceable()))

    def answer(self, item: Any, *actions: pb.OrchestratorAction) -> None:
        response = pb.OrchestratorResponse(
            instanceId=item.orchestratorRequest.instanceId, completionToken=item.completionToken, actions=actions
        )
        self.backend.CompleteOrchestratorTask(response, CALL)

    def done(self, item: Any) -> None:
        request = item.activityRequest
        key = request.orchestrationInstance.instanceId
        response = pb.ActivityResponse(
            instanceId=key, taskId=request.taskId, completionToken=item.completionToken, result=text("1")
        )
        self.backend.CompleteActivityTask(response, CALL)

    def state(self, key: str) -> pb.OrchestrationState:
        return self.backend.told("GetInstance", pb.GetInstanceRequest(instanceId=key)).orchestrationState

    async def quiet(self, seconds: float = 0.25) -> bool:
        """Whether nothing is to do for a while. Ends the taking of work."""
        waiting = asyncio.create_task(asyncio.to_thread(next, self._items, None))
        done, _ = await asyncio.wait([waiting], timeout=seconds)
        self.backend.stop()
        await waiting
        return not done


def replaceable() -> dict[str, Any]:
    policy = pb.OrchestrationIdReusePolicy()
    policy.replaceableStatus.extend([pb.ORCHESTRATION_STATUS_COMPLETED, pb.ORCHESTRATION_STATUS_TERMINATED])
    return {"orchestrationIdReusePolicy": policy}


def call(key: int = 0) -> pb.OrchestratorAction:
    return pb.OrchestratorAction(id=key, scheduleTask=pb.ScheduleTaskAction(name="work", input=text("1")))


def sub(name: str, key: int = 0) -> pb.OrchestratorAction:
    create = pb.CreateSubOrchestrationAction(instanceId=name, name="flow")
    return pb.OrchestratorAction(id=key, createSubOrchestration=create)


def timer(seconds: float, key: int = 0) -> pb.OrchestratorAction:
    due = helpers.new_timestamp(datetime.now(UTC) + timedelta(seconds=seconds))
    return pb.OrchestratorAction(id=key, createTimer=pb.CreateTimerAction(fireAt=due))


def end(status: Any = pb.ORCHESTRATION_STATUS_COMPLETED, result: str = "1") -> pb.OrchestratorAction:
    return helpers.new_complete_orchestration_action(-1, status, result)


AGAIN = pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW


def kinds(item: Any) -> list[str]:
    return [event.WhichOneof("eventType") for event in item.orchestratorRequest.newEvents]


@pytest.fixture
async def hand(tmp_path: Path) -> Any:
    held = Hand(tmp_path / "hub.sqlite")
    yield held
    held.backend.close()


# -- 1: sub-orchestrations


async def test_a_sub_orchestration_is_waited_for_without_a_thread_and_so_without_its_30_seconds(hand: Hand) -> None:
    hand.start("parent")
    threads = threading.active_count()
    hand.answer(await hand.episode(), sub("child"))
    assert threading.active_count() <= threads + 1, "no watcher; at most the pool thread that takes work"
    hand.answer(await hand.episode(), end(result='"from the child"'))
    item = await hand.episode()
    assert kinds(item) == ["orchestratorStarted", "subOrchestrationInstanceCompleted"]
    assert hand.backend.parent_of("child") == "parent"


async def test_a_failed_sub_orchestration_fails_at_its_parent_with_its_reason(hand: Hand) -> None:
    hand.start("parent")
    hand.answer(await hand.episode(), sub("child"))
    details = pb.TaskFailureDetails(errorType="E", errorMessage="broken")
    failed = helpers.new_complete_orchestration_action(-1, pb.ORCHESTRATION_STATUS_FAILED, None, details)
    hand.answer(await hand.episode(), failed)
    event = (await hand.episode()).orchestratorRequest.newEvents[-1]
    assert event.subOrchestrationInstanceFailed.failureDetails.errorMessage == "broken"


# -- 2: continue-as-new


async def test_a_timer_does_not_fire_into_the_next_generation(hand: Hand) -> None:
    hand.start("flow")
    hand.answer(await hand.episode(), timer(0.15))
    hand.backend.told("RaiseEvent", pb.RaiseEventRequest(instanceId="flow", name="go"))
    hand.answer(await hand.episode(), end(AGAIN))
    hand.answer(await hand.episode(), timer(60))
    assert await hand.quiet(0.4)


async def test_an_activitys_result_does_not_reach_the_next_generation(hand: Hand) -> None:
    hand.start("flow")
    hand.answer(await hand.episode(), call())
    old = await hand.activity()
    hand.backend.told("RaiseEvent", pb.RaiseEventRequest(instanceId="flow", name="go"))
    hand.answer(await hand.episode(), end(AGAIN))
    hand.answer(await hand.episode(), call())
    new = await hand.activity()
    hand.done(old)
    hand.done(new)
    assert kinds(await hand.episode()) == ["orchestratorStarted", "taskCompleted"], "one result, its own"


async def test_of_what_waits_at_continue_as_new_only_events_from_outside_go_on(hand: Hand) -> None:
    hand.start("flow")
    hand.answer(await hand.episode(), call(), timer(0.02, key=1))
    work = await hand.activity()
    hand.backend.told("RaiseEvent", pb.RaiseEventRequest(instanceId="flow", name="first"))
    item = await hand.episode()
    hand.done(work)
    hand.backend.told("RaiseEvent", pb.RaiseEventRequest(instanceId="flow", name="second"))
    await asyncio.sleep(0.1)
    hand.answer(item, end(AGAIN))
    assert kinds(await hand.episode()) == ["orchestratorStarted", "executionStarted", "eventRaised"]


async def test_a_result_of_a_replaced_instance_does_not_reach_its_successor(hand: Hand) -> None:
    hand.start("flow")
    hand.answer(await hand.episode(), call())
    old = await hand.activity()
    hand.backend.told("TerminateInstance", pb.TerminateRequest(instanceId="flow"))
    hand.answer(await hand.episode(), end(pb.ORCHESTRATION_STATUS_TERMINATED))
    hand.start("flow")
    hand.answer(await hand.episode(), call())
    hand.done(old)
    await hand.activity()
    assert await hand.quiet()


# -- 3: no stall


async def test_an_event_that_arrives_during_an_episode_is_worked_on_at_once(hand: Hand) -> None:
    delays = []
    hand.start("flow")
    for _ in range(5):
        item = await hand.episode()
        hand.backend.told("RaiseEvent", pb.RaiseEventRequest(instanceId="flow", name="go"))
        waiting = asyncio.create_task(hand.episode())
        await asyncio.sleep(0.03)
        began = time.monotonic()
        hand.answer(item)
        item = await waiting
        delays.append(time.monotonic() - began)
        hand.answer(item)
        hand.backend.told("RaiseEvent", pb.RaiseEventRequest(instanceId="flow", name="go"))
    assert sorted(delays)[2] < 0.03


# -- 4: timers


async def test_a_thousand_timers_cost_no_thread_and_fire_on_time(hand: Hand) -> None:
    hand.start("flow")
    item = await hand.episode()
    before = threading.active_count()
    began = time.monotonic()
    hand.answer(item, *(timer(0.2 if key == 7 else 3600, key) for key in range(1000)))
    assert threading.active_count() <= before
    item = await hand.episode()
    assert 0.15 < time.monotonic() - began < 3
    assert item.orchestratorRequest.newEvents[-1].timerFired.timerId == 7


async def test_a_cancelled_timer_does_not_wake_its_instance(hand: Hand) -> None:
    hand.start("flow")
    hand.answer(await hand.episode(), timer(0.1, 3))
    hand.backend.cancel_timers("flow", [3])
    assert await hand.quiet(0.3)


# -- 5 and 6: what has ended stays ended


async def test_a_late_result_does_not_revive_a_terminated_instance(hand: Hand) -> None:
    hand.start("flow")
    hand.answer(await hand.episode(), call())
    work = await hand.activity()
    hand.backend.told("TerminateInstance", pb.TerminateRequest(instanceId="flow"))
    hand.answer(await hand.episode(), end(pb.ORCHESTRATION_STATUS_TERMINATED))
    hand.done(work)
    assert await hand.quiet()
    assert hand.state("flow").orchestrationStatus == pb.ORCHESTRATION_STATUS_TERMINATED


@pytest.mark.parametrize("method", ["SuspendInstance", "ResumeInstance", "RaiseEvent"])
async def test_nothing_wakes_an_instance_that_has_ended(hand: Hand, method: str) -> None:
    hand.start("flow")
    hand.answer(await hand.episode(), end())
    requests = {
        "SuspendInstance": pb.SuspendRequest,
        "ResumeInstance": pb.ResumeRequest,
        "RaiseEvent": pb.RaiseEventRequest,
    }
    hand.backend.told(method, requests[method](instanceId="flow"))
    assert await hand.quiet()
    assert hand.state("flow").orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED


async def test_a_running_instance_is_not_replaced(hand: Hand) -> None:
    hand.start("flow")
    with pytest.raises(Aborted):
        hand.start("flow")


# -- the journal


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "hub.sqlite"


async def after_a_crash(hand: Hand, path: Path) -> Hand:
    """Another backend on the same journal; the first is abandoned as it is, nothing more of it is written."""
    hand.backend.stop()
    hand.journal.close()
    return Hand(path)


async def test_what_was_told_is_on_disk(journal: Path) -> None:
    first = Hand(journal)
    first.start("flow")
    second = await after_a_crash(first, journal)
    assert kinds(await second.episode()) == ["orchestratorStarted", "executionStarted"]
    second.backend.close()


async def test_an_episode_that_was_interrupted_is_played_again_with_the_same_events(journal: Path) -> None:
    first = Hand(journal)
    first.start("flow")
    first.answer(await first.episode())
    first.backend.told("RaiseEvent", pb.RaiseEventRequest(instanceId="flow", name="go"))
    assert kinds(await first.episode()) == ["orchestratorStarted", "eventRaised"]
    first.backend.told("RaiseEvent", pb.RaiseEventRequest(instanceId="flow", name="again"))
    second = await after_a_crash(first, journal)
    assert kinds(await second.episode()) == ["orchestratorStarted", "eventRaised", "eventRaised"]
    second.backend.close()


async def test_activities_timers_and_sub_orchestrations_in_flight_are_taken_up(journal: Path) -> None:
    first = Hand(journal)
    first.start("flow")
    first.answer(await first.episode(), call(0), timer(0.3, 1), sub("child", 2))
    await first.next()
    first.backend.flush(episodes_only=True)
    second = await after_a_crash(first, journal)
    child = await second.episode()
    assert child.orchestratorRequest.instanceId == "child"
    second.done(await second.activity())
    second.answer(child, end())
    seen: list[str] = []
    while len(seen) < 3:
        item = await second.episode()
        seen += kinds(item)[1:]
        second.answer(item)
    assert sorted(seen) == ["subOrchestrationInstanceCompleted", "taskCompleted", "timerFired"]
    assert second.backend.parent_of("child") == "flow"
    second.backend.close()


async def test_a_suspended_instance_sleeps_on_and_what_it_missed_waits_for_it(journal: Path) -> None:
    first = Hand(journal)
    first.start("flow")
    first.answer(await first.episode())
    first.backend.told("SuspendInstance", pb.SuspendRequest(instanceId="flow"))
    first.answer(await first.episode())
    first.backend.told("RaiseEvent", pb.RaiseEventRequest(instanceId="flow", name="go"))
    second = await after_a_crash(first, journal)
    second.backend.told("ResumeInstance", pb.ResumeRequest(instanceId="flow"))
    assert kinds(await second.episode()) == ["orchestratorStarted", "eventRaised", "executionResumed"]
    second.backend.close()


async def test_what_was_purged_stays_purged_and_what_ended_stays_ended(journal: Path) -> None:
    first = Hand(journal)
    for key in ("kept", "gone"):
        first.start(key)
        first.answer(await first.episode(), end(result='"out"'))
    first.backend.told("PurgeInstances", pb.PurgeInstancesRequest(instanceId="gone"))
    second = await after_a_crash(first, journal)
    states = second.backend.told("QueryInstances", pb.QueryInstancesRequest()).orchestrationState
    assert [(one.instanceId, one.orchestrationStatus) for one in states] == [("kept", pb.ORCHESTRATION_STATUS_COMPLETED)]
    assert await second.quiet()
    second.backend.close()
