"""A paused gate that a person has judged again: on new evidence, beside what was decided before."""

from __future__ import annotations

from datetime import timedelta

from shared.operations.model import Operation, OperationStatus
from shared.runtime.deployments.gates import Gate, gate_key
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.rollout.gate import Expected, Verdict, judge
from shared.runtime.rollout.plan import Planned
from shared.store import keys
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, deployment_of
from tests.unit.gating.pausing import BAD, PAUSE, Answers, answered, failing, outcome, words


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


async def test_who_goes_on_without_a_word_is_named_all_the_same(world: World, operation: Operation) -> None:
    people = People(world)

    async def retries() -> None:
        await people.retry(operation)

    await answered(world, operation, retries, Answers(world, operation).promotes)
    assert (await words(world, operation)).startswith("olga had Failed judged again; olga went on")


async def test_retry_after_retry_until_somebody_goes_on(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.retries, answers.retries, answers.promotes)
    assert (await outcome(world, operation))[0] is DeploymentStatus.COMPLETED
    said = "olga had Failed judged again: look again"
    assert await words(world, operation) == f"{said}; {said}; olga went on in spite of Failed: known and harmless"
    assert len(await world.history(deployment_of(operation))) == 7, "no (phase, wave) twice"
