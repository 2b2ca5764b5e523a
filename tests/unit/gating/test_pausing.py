"""A gate that pauses: the operation waits for a person and says so, and does what the person says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import NotCancellable, OperationInFlight, Transient
from shared.operations.model import Operation, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus, Gate, Phase, gate_key
from shared.runtime.health.document import HealthStatus
from shared.runtime.rollout.gate import Expected, Verdict, judge
from shared.runtime.rollout.plan import Planned
from shared.store import keys
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, component, deployment_of, image
from tests.unit.gating.pausing import BAD, PAUSE, POLL, Act, Answers, answered, failing


@pytest.fixture
async def operation(world: World) -> Operation:
    return await failing(world)


@pytest.fixture
def answers(world: World, operation: Operation) -> Answers:
    return Answers(world, operation)


async def outcome(world: World, operation: Operation) -> tuple[DeploymentStatus, OperationStatus]:
    deployment = await world.deployment(deployment_of(operation))
    return deployment.status, (await world.operation(operation.operation_id)).status


async def words(world: World, operation: Operation) -> str:
    """What the history says of the gate of wave 0."""
    history = (await world.deployment(deployment_of(operation))).rollout_history
    return next(entry.detail or "" for entry in history if entry.phase is Phase.HEALTH_GATING and entry.wave == 0)


async def test_it_says_in_plain_words_that_it_waits_for_a_person_and_why(
    world: World, operation: Operation, answers: Answers
) -> None:
    await answered(world, operation, answers.cancels)
    paused = answers.seen[0]
    assert (paused.status, paused.paused) == (OperationStatus.RUNNING, True)
    assert paused.waiting_for is not None
    assert paused.waiting_for.startswith("a person: retry judges again, promote goes on, cancel rolls back")
    assert "wave 0: api" in paused.waiting_for


async def test_while_it_waits_it_holds_the_slot_and_the_new_revision_does_not_serve(
    world: World, operation: Operation, answers: Answers
) -> None:
    async def looks() -> None:
        with pytest.raises(OperationInFlight):
            await world.deploy(component("api", "3"))
        deployment = await world.deployment(deployment_of(operation))
        assert (deployment.status, deployment.phase) == (DeploymentStatus.IN_PROGRESS, Phase.HEALTH_GATING)
        assert world.apps.serves("api") == image("api", "1")
        assert (await world.gate_of(deployment.deployment_id)).verdict is Verdict.FAILED

    await answered(world, operation, looks, answers.cancels)


async def test_nothing_is_decided_by_looking(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.looks, answers.looks, answers.promotes)
    assert [one.paused for one in answers.seen] == [True, True, True]
    assert (await outcome(world, operation))[0] is DeploymentStatus.COMPLETED


async def test_retry_judges_again_and_goes_on_when_it_is_healthy_now(
    world: World, operation: Operation, answers: Answers
) -> None:
    assert await answered(world, operation, answers.mends_and_retries) == "completed"
    assert await outcome(world, operation) == (DeploymentStatus.COMPLETED, OperationStatus.SUCCEEDED)
    assert world.apps.running("api") == [BAD]
    assert await words(world, operation) == "olga had Failed judged again: look again"
    assert (await world.gate_of(deployment_of(operation))).overridden is None


async def test_after_a_retry_only_evidence_from_after_it_counts(
    world: World, operation: Operation, answers: Answers
) -> None:
    decided = []

    async def retries() -> None:
        await answers.mends_and_retries()
        decided.append(world.clock())

    await answered(world, operation, retries)
    gate = await world.gate_of(deployment_of(operation))
    assert gate.reopened_at is not None
    assert gate.reopened_at >= decided[0]
    assert all(at > gate.reopened_at for at in gate.evidence.rounds)
    assert all(sample.evaluated_at > gate.reopened_at for sample in gate.evidence.samples)
    assert gate.evidence.rounds[-1] - gate.reopened_at >= timedelta(seconds=gate.policy.stable_seconds)


async def test_the_decision_after_a_retry_replays_from_its_own_evidence(
    world: World, operation: Operation, answers: Answers
) -> None:
    await answered(world, operation, answers.mends_and_retries)
    gate = await world.gate_of(deployment_of(operation))
    rows = await world.store.list(world.partition, keys.plan(deployment_of(operation)), limit=10)
    planned = [Planned.read(row.document) for row in rows]
    assert gate.reopened_at is not None
    expected = [
        Expected(service_id=one.service_id, revision=one.wanted.workload.revision, applied_at=gate.reopened_at)
        for one in planned
        if one.wanted
    ]
    assert judge(gate.policy, expected, gate.evidence).verdict is Verdict.PASSED


async def test_what_was_decided_before_a_retry_keeps_its_evidence_and_replays_to_its_verdict(
    world: World, operation: Operation, answers: Answers
) -> None:
    await answered(world, operation, answers.retries, answers.mends_and_retries)
    deployment_id = deployment_of(operation)
    shown = await world.reader.get(People(world).caller, deployment_id)
    told = next(entry["gate"] for entry in shown["rolloutHistory"] if entry["phase"] == "HealthGating")
    assert [told["verdict"], *[gate["verdict"] for gate in told["earlier"]]] == ["Passed", "Failed", "Failed"]
    assert all(sample["status"] == "Unhealthy" for gate in told["earlier"] for sample in gate["samples"])
    rows = await world.store.list(world.partition, gate_key(deployment_id, 0), limit=10)
    gates = [Gate.read(row.document) for row in rows]
    assert sorted(gate.judgement for gate in gates) == [0, 1, 2]
    rows = await world.store.list(world.partition, keys.plan(deployment_id), limit=10)
    (planned,) = [Planned.read(row.document) for row in rows]
    assert planned.wanted is not None
    assert planned.applied_at is not None
    for gate in gates:
        applied_at = gate.reopened_at or planned.applied_at
        expected = Expected(service_id="api", revision=planned.wanted.workload.revision, applied_at=applied_at)
        assert judge(gate.policy, [expected], gate.evidence).verdict is gate.verdict


async def test_a_day_without_an_answer_is_a_short_history(world: World, operation: Operation) -> None:
    engine = Engine(world, poll_seconds=60.0)
    await engine.run(operation)
    assert engine.activities.count("deploy_decided") < 110


async def test_a_rollback_that_the_gate_began_cannot_be_cancelled_and_is_the_platform_s_doing(world: World) -> None:
    operation = await failing(world, gate={"failureLimit": 1})
    engine = Engine(world)

    async def too_late() -> None:
        with pytest.raises(NotCancellable):
            await People(world).cancel(operation)

    engine.before["deploy_restore"] = too_late
    await engine.run(operation)
    assert await outcome(world, operation) == (DeploymentStatus.ROLLED_BACK, OperationStatus.FAILED)
    (told,) = [entry for entry in await world.entries() if entry.kind == "deployment.rolled-back"]
    assert told.actor == "platform"


async def test_who_cancelled_is_named_for_the_rollback(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.cancels)
    (told,) = [entry for entry in await world.entries() if entry.kind == "deployment.rolled-back"]
    assert (told.actor, told.operation_id) == ("olga", operation.operation_id)


async def test_what_a_person_says_about_an_operation_is_told_with_it(
    world: World, operation: Operation, answers: Answers
) -> None:
    await answered(world, operation, answers.retries, answers.cancels)
    told = {entry.kind: entry.operation_id for entry in await world.entries() if entry.kind.startswith("operation.")}
    assert told == dict.fromkeys(("operation.retry-decided", "operation.cancel-requested"), operation.operation_id)


async def test_strikes_from_before_a_retry_do_not_count_against_it(
    world: World, operation: Operation, answers: Answers
) -> None:
    looks: list[int] = []

    async def retries() -> None:
        looks.append(world.prober.asked.count(BAD))
        await answers.retries()

    async def gives_up() -> None:
        looks.append(world.prober.asked.count(BAD))
        await answers.cancels()

    await answered(world, operation, retries, gives_up)
    first, second = looks[0], looks[1] - looks[0]
    assert first == second == PAUSE["failureLimit"] + 1  # type: ignore[operator]
    assert answers.seen[1].paused, "and it waits for a person again"


async def test_a_retry_waits_as_long_as_the_gate_waits_before_it_looks(world: World) -> None:
    operation = await failing(world, gate={**PAUSE, "waitSeconds": 30})
    answers = Answers(world, operation)
    await answered(world, operation, answers.mends_and_retries)
    gate = await world.gate_of(deployment_of(operation))
    assert gate.reopened_at is not None
    assert gate.healthy_since is not None
    assert gate.healthy_since - gate.reopened_at >= timedelta(seconds=30)


async def test_promote_goes_on_in_spite_of_the_verdict_and_says_who_and_why(
    world: World, operation: Operation, answers: Answers
) -> None:
    assert await answered(world, operation, answers.promotes) == "completed"
    assert await outcome(world, operation) == (DeploymentStatus.COMPLETED, OperationStatus.SUCCEEDED)
    assert world.apps.serves("api") == BAD
    assert await words(world, operation) == "olga went on in spite of Failed: known and harmless"
    gate = await world.gate_of(deployment_of(operation))
    assert gate.verdict is Verdict.FAILED, "the evidence is not rewritten"
    assert gate.overridden is not None
    assert (gate.overridden.by, gate.overridden.reason) == ("olga", "known and harmless")
    shown = await world.reader.get(People(world).caller, deployment_of(operation))
    told = next(entry for entry in shown["rolloutHistory"] if entry["phase"] == "HealthGating")
    assert told["gate"]["overridden"]["by"] == "olga"
    assert told["gate"]["verdict"] == "Failed"


async def test_a_decision_that_was_taken_up_is_gone_and_the_operation_goes_on(
    world: World, operation: Operation, answers: Answers
) -> None:
    waits = []
    engine = Engine(world, meanwhile=[answers.retries, answers.promotes], poll_seconds=POLL)

    async def looks() -> None:
        standing = await world.operation(operation.operation_id)
        waits.append((standing.waiting_for, standing.paused, standing.decision, standing.last_action_at == world.clock()))

    async def looks_and_waits_for_promotion() -> None:
        await looks()
        engine.before["deploy_promote"] = looks

    engine.before["deploy_pause"] = lambda: _before(engine, "deploy_judge", looks_and_waits_for_promotion)
    await engine.run(operation)
    assert [waiting for waiting, *_ in waits] == ["the gate to be judged again", "the next wave"]
    assert [rest[:2] for _, *rest in waits] == [[False, None]] * 2


async def _before(engine: Engine, activity: str, act: Act) -> None:
    engine.before[activity] = act


async def test_who_goes_on_without_a_word_is_named_all_the_same(world: World, operation: Operation) -> None:
    people = People(world)

    async def retries() -> None:
        await people.retry(operation)

    await answered(world, operation, retries, Answers(world, operation).promotes)
    assert (await words(world, operation)).startswith("olga had Failed judged again; olga went on")


async def test_what_a_person_promoted_is_the_new_stable(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.promotes)
    environment = await world.environment()
    assert environment.stable_deployment_id == deployment_of(operation)
    assert environment.hold is None


async def test_cancel_rolls_back_and_then_it_is_canceled(world: World, operation: Operation, answers: Answers) -> None:
    assert await answered(world, operation, answers.cancels) == "rolled back"
    assert await outcome(world, operation) == (DeploymentStatus.CANCELED, OperationStatus.CANCELED)
    assert [phase for phase, _ in await world.history(deployment_of(operation))][-2:] == ["RollingBack", "Canceled"]
    assert world.apps.running("api") == [image("api", "1")]
    assert (await world.environment()).hold is None
    error = (await world.operation(operation.operation_id)).error
    assert error is not None
    assert error.message == "olga cancelled it: not today"


async def test_nobody_decides_and_at_the_deadline_it_rolls_back(world: World, operation: Operation) -> None:
    assert await answered(world, operation) == "rolled back"
    assert await outcome(world, operation) == (DeploymentStatus.ROLLED_BACK, OperationStatus.FAILED)
    ended = await world.operation(operation.operation_id)
    assert ended.error is not None
    assert ended.error.code == "DeadlineExceeded"
    assert timedelta() <= ended.last_action_at - operation.must_settle_by < timedelta(minutes=1)
    assert world.apps.running("api") == [image("api", "1")]
    hold = (await world.environment()).hold
    assert hold is not None
    assert hold.reason == "DeadlineExceeded"


async def test_a_person_has_a_day(world: World, operation: Operation) -> None:
    assert operation.must_settle_by - operation.created_at > timedelta(hours=24)


async def test_nobody_is_waited_for_longer_than_the_decision_lasts() -> None:
    world = await World(stage="prod", receipt_lasts=timedelta(hours=5)).provision()
    operation = await failing(world)
    assert operation.receipt is not None
    assert operation.must_settle_by == operation.receipt.expires_at
    await answered(world, operation)
    assert await outcome(world, operation) == (DeploymentStatus.ROLLED_BACK, OperationStatus.FAILED)


async def test_retry_after_retry_until_somebody_goes_on(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.retries, answers.retries, answers.promotes)
    assert (await outcome(world, operation))[0] is DeploymentStatus.COMPLETED
    said = "olga had Failed judged again: look again"
    assert await words(world, operation) == f"{said}; {said}; olga went on in spite of Failed: known and harmless"
    assert len(await world.history(deployment_of(operation))) == 7, "no (phase, wave) twice"


async def test_what_could_not_be_told_pauses_like_what_is_bad(world: World) -> None:
    operation = await failing(world, gate={"inconclusiveLimit": 1, "onFailure": "Pause"})
    world.prober.says[BAD] = HealthStatus.UNKNOWN
    answers = Answers(world, operation)
    await answered(world, operation, answers.promotes)
    assert "in spite of Inconclusive" in await words(world, operation)


async def test_a_target_that_could_not_be_asked_pauses_too(world: World) -> None:
    operation = await failing(world, gate={"errorLimit": 1, "onFailure": "Pause"})
    world.apps.fail("observe", "", Transient("arm"), Transient("arm"))
    answers = Answers(world, operation)
    await answered(world, operation, answers.promotes)
    assert "in spite of Error" in await words(world, operation)


async def test_a_gate_that_cannot_decide_until_the_deadline_does_not_pause_then(world: World, operation: Operation) -> None:
    await world.put(operation.operation_id, operation.model_copy(update={"must_settle_by": world.clock()}))
    await answered(world, await world.operation(operation.operation_id))
    assert (await outcome(world, operation))[0] is DeploymentStatus.ROLLED_BACK


async def test_each_wave_has_its_own_pause(world: World) -> None:
    operation = await failing(world, component("web", "2", wave=1))
    world.prober.says[image("web", "2")] = HealthStatus.UNHEALTHY
    answers = Answers(world, operation)
    await answered(world, operation, answers.promotes, answers.cancels)
    assert "wave 1: web" in (answers.seen[1].waiting_for or "")
    assert (await outcome(world, operation))[0] is DeploymentStatus.CANCELED
    assert [step for step in await world.history(deployment_of(operation)) if step[0] == "RollingBack"] == [
        ("RollingBack", 1),
        ("RollingBack", 0),
    ]
    assert world.apps.running("web") == []
    assert world.apps.running("api") == [image("api", "1")]


async def test_a_second_wave_does_not_begin_while_the_first_is_paused(world: World) -> None:
    operation = await failing(world, component("web", "2", wave=1))
    answers = Answers(world, operation)

    async def looks() -> None:
        assert "web" not in world.apps.services

    await answered(world, operation, looks, answers.cancels)
    assert "web" not in world.apps.services


async def test_without_pause_nobody_is_waited_for(world: World) -> None:
    operation = await failing(world, gate={"failureLimit": 1})
    before = world.clock()
    await answered(world, operation)
    assert (await outcome(world, operation))[0] is DeploymentStatus.ROLLED_BACK
    assert world.clock() - before < timedelta(minutes=1)


async def test_the_timeline_tells_the_pause_and_its_answer(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.mends_and_retries)
    kinds = [entry.kind for entry in await world.entries()]
    told = ["deployment.gate-decided", "deployment.paused", "operation.retry-decided", "deployment.gate-answered"]
    at = kinds.index("deployment.paused")
    assert kinds[at - 1 : at + 3] == told
    assert [entry.actor for entry in await world.entries() if entry.kind == "operation.retry-decided"] == ["olga"]


async def test_one_completion_is_told_of_what_was_promoted(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.promotes)
    done = await world.events(EventType.DEPLOYMENT_COMPLETED)
    assert [event.payload["deploymentId"] for event in done].count(deployment_of(operation)) == 1


async def test_a_lost_wake_costs_a_poll(world: World, operation: Operation, answers: Answers) -> None:
    """The decision is on the row; nobody woke the orchestration."""
    engine = Engine(world, meanwhile=[answers.looks], poll_seconds=POLL)
    engine.before["deploy_pause"] = lambda: _soon(world, answers)
    await engine.run(operation)
    assert (await outcome(world, operation))[0] is DeploymentStatus.COMPLETED


async def _soon(world: World, answers: Answers) -> None:
    """Whoever looks for the next time finds what was decided, without having been told."""
    look, world.jobs.work = world.jobs.work, _decides(world, answers)  # type: ignore[method-assign]
    assert look is not None


def _decides(world: World, answers: Answers):  # type: ignore[no-untyped-def]
    async def quietly() -> bool:
        operation = await world.operation(answers.operation.operation_id)
        if operation.paused and operation.decision is None:
            await answers.promotes()
        return False

    return quietly


# A rollback that a person asked for has a gate too, and nothing to be cancelled into.


async def rolling_back(world: World) -> Operation:
    operation = await failing(world)
    await answered(world, operation, Answers(world, operation).promotes)
    world.prober.says[image("api", "1")] = HealthStatus.UNHEALTHY
    return await world.roll_back(deployment_of(operation))


async def test_a_paused_rollback_does_not_offer_what_it_would_refuse(world: World) -> None:
    operation = await rolling_back(world)
    answers = Answers(world, operation)

    async def tries() -> None:
        with pytest.raises(NotCancellable):
            await answers.people.cancel(operation)

    await answered(world, operation, answers.looks, tries, answers.promotes)
    waiting = answers.seen[0].waiting_for or ""
    assert waiting.startswith("a person: retry judges again, promote goes on")
    assert "cancel" not in waiting
    assert (await outcome(world, operation))[0] is DeploymentStatus.COMPLETED


async def test_a_paused_rollback_about_which_nobody_decides_fails_and_stays_retryable(world: World) -> None:
    operation = await rolling_back(world)
    await answered(world, operation)
    assert await outcome(world, operation) == (DeploymentStatus.FAILED, OperationStatus.FAILED)
    assert (await world.slot()).operation_id is None
    world.prober.says[image("api", "1")] = HealthStatus.HEALTHY
    again = (await People(world).retry(operation)).operation
    assert again is not None
    assert await answered(world, again) == "completed"
    assert world.apps.serves("api") == image("api", "1")
