"""Who holds an operation, what he may write, and how it ends."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest

from shared.kernel.errors import ConcurrentChange, NotFound, OperationInFlight, Superseded, TransitionRefused
from shared.operations import model, slot
from shared.operations.model import (
    TRANSITIONS,
    Operation,
    OperationError,
    OperationStatus,
    StepStatus,
    Transition,
)
from shared.operations.runs import CancelRequested, Held, rerun
from shared.operations.slot import Slot
from shared.store import keys
from shared.store.port import Conflict, Replace
from tests.unit.operations.world import World, place_of, run_of

Status = OperationStatus
EXPECTED = {
    (Transition.CLAIM, Status.NOT_STARTED, Status.RUNNING),
    (Transition.CLAIM, Status.RUNNING, Status.RUNNING),
    (Transition.SUCCEED, Status.RUNNING, Status.SUCCEEDED),
    (Transition.FAIL, Status.NOT_STARTED, Status.FAILED),
    (Transition.FAIL, Status.RUNNING, Status.FAILED),
    (Transition.CANCEL, Status.NOT_STARTED, Status.CANCELED),
    (Transition.CANCEL, Status.RUNNING, Status.CANCELED),
}


@pytest.mark.parametrize(("transition", "current", "target"), list(product(Transition, [None, *Status], Status)))
def test_every_transition_of_the_full_product(transition: Transition, current: Status | None, target: Status) -> None:
    assert TRANSITIONS.allows(transition, current, target) == ((transition, current, target) in EXPECTED)


@pytest.fixture
async def operation(world: World) -> Operation:
    return await world.provision()


async def replaced(world: World, operation: Operation) -> None:
    """Somebody began a newer attempt."""
    row = await world.store.get(place_of(operation).partition, operation.operation_id)
    assert row is not None
    newer = Operation.read(row.document).model_copy(update={"attempt": 2})
    await world.store.commit(place_of(operation).partition, world.draw(), [Replace(row.key, newer.document(), row.version)])


async def end(world: World, operation: Operation, status: Status = Status.SUCCEEDED) -> None:
    held = await world.runs.hold(run_of(operation))
    tx = world.runs.transaction(held, "thing.done", "")
    world.runs.settle(tx, held, status, OperationError(code="X", message="") if status is Status.FAILED else None)
    await world.journal.commit(tx)


async def test_the_current_attempt_can_be_claimed_and_claimed_again(world: World, operation: Operation) -> None:
    assert await world.runs.claim(run_of(operation), "the engine")
    assert await world.runs.claim(run_of(operation), "the engine"), "a repeated activity is the same claim"
    stored = await world.stored(operation)
    assert (stored.status, stored.waiting_for) == (Status.RUNNING, "the engine")


@pytest.mark.parametrize("attempt", [0, 2])
async def test_no_other_attempt_can(world: World, operation: Operation, attempt: int) -> None:
    assert not await world.runs.claim(run_of(operation, attempt), "")
    assert (await world.stored(operation)).status is Status.NOT_STARTED


async def test_what_has_ended_cannot_be_claimed(world: World, operation: Operation) -> None:
    await world.runs.claim(run_of(operation), "")
    await end(world, operation)
    assert not await world.runs.claim(run_of(operation), "")


async def test_what_does_not_exist_cannot_be_claimed(world: World, operation: Operation) -> None:
    run = run_of(operation).model_copy(update={"tenant_id": "other"})
    assert not await world.runs.claim(run, "")
    with pytest.raises(NotFound):
        await world.runs.hold(run)


async def test_a_claim_is_judged_again_after_somebody_elses_write(world: World, operation: Operation) -> None:
    world.store.interludes = [lambda: replaced(world, operation)]
    assert not await world.runs.claim(run_of(operation), "")


async def test_who_was_replaced_is_told_before_every_effect(world: World, operation: Operation) -> None:
    await world.runs.claim(run_of(operation), "")
    await replaced(world, operation)
    for effect in (
        world.runs.hold(run_of(operation)),
        world.runs.step(run_of(operation), "network", StepStatus.RUNNING),
    ):
        with pytest.raises(Superseded):
            await effect
    assert (await world.stored(operation)).steps == []


async def test_who_was_replaced_while_he_wrote_changes_nothing(world: World, operation: Operation) -> None:
    await world.runs.claim(run_of(operation), "")
    world.store.interludes = [lambda: replaced(world, operation)]
    with pytest.raises(Superseded):
        await world.runs.step(run_of(operation), "network", StepStatus.RUNNING)
    assert (await world.stored(operation)).steps == []


async def test_a_step_that_is_told_at_its_end_alone_has_ended_and_keeps_what_was_said_last(
    world: World, operation: Operation
) -> None:
    await world.runs.claim(run_of(operation), "")
    await world.runs.step(run_of(operation), "at once", StepStatus.SUCCEEDED)
    await world.runs.step(run_of(operation), "vault", StepStatus.RUNNING, "first")
    await world.runs.step(run_of(operation), "vault", StepStatus.RUNNING, "second")
    await world.runs.step(run_of(operation), "vault", StepStatus.SUCCEEDED)
    once, vault = (await world.stored(operation)).steps
    assert once.ended_at == once.started_at
    assert (vault.status, vault.detail) == (StepStatus.SUCCEEDED, "second")
    assert vault.ended_at is not None


async def test_reports_of_one_step_are_one_step(world: World, operation: Operation) -> None:
    run = run_of(operation)
    await world.runs.claim(run, "")
    began = world.time.now
    await world.runs.step(run, "network", StepStatus.RUNNING, "making it")
    world.time.passes(seconds=5)
    await world.runs.step(run, "network", StepStatus.RUNNING)
    await world.runs.step(run, "cluster", StepStatus.RUNNING)
    await world.runs.step(run, "network", StepStatus.SUCCEEDED)
    network, cluster = (await world.stored(operation)).steps
    assert (network.name, network.status, network.detail) == ("network", "Succeeded", "making it")
    assert (network.started_at, network.ended_at) == (began, world.time.now)
    assert (cluster.status, cluster.ended_at) == ("Running", None)


async def test_racing_reports_all_arrive(world: World, operation: Operation) -> None:
    run = run_of(operation)
    await world.runs.claim(run, "")
    await asyncio.gather(*[world.runs.step(run, name, StepStatus.RUNNING) for name in ("a", "b", "c")])
    assert {step.name for step in (await world.stored(operation)).steps} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("status", "verdict"), [(Status.SUCCEEDED, "Succeeded"), (Status.FAILED, "Failed"), (Status.CANCELED, "Failed")]
)
async def test_the_end_frees_the_slot_and_closes_the_steps_in_one_transaction(
    world: World, operation: Operation, status: Status, verdict: str
) -> None:
    run = run_of(operation)
    await world.runs.claim(run, "something")
    await world.runs.step(run, "network", StepStatus.RUNNING)
    world.time.passes(seconds=9)
    before = world.store.commits
    await end(world, operation, status)
    assert world.store.commits == before + 1
    stored = await world.stored(operation)
    assert (stored.status, stored.waiting_for) == (status, None)
    assert [(step.status, step.ended_at) for step in stored.steps] == [(verdict, world.time.now)]
    assert (stored.error is not None) == (status is Status.FAILED)
    row = await world.store.get(place_of(operation).partition, keys.SLOT)
    assert row is not None
    assert Slot.read(row.document) == Slot(generation=1), "free, and it remembers how many there were"


async def test_an_operation_ends_once(world: World, operation: Operation) -> None:
    await world.runs.claim(run_of(operation), "")
    held = await world.runs.hold(run_of(operation))
    await end(world, operation)
    with pytest.raises(Superseded):
        await end(world, operation, Status.FAILED)
    tx = world.runs.transaction(held, "thing.done", "")
    world.runs.settle(tx, held, Status.FAILED)
    with pytest.raises(Conflict):
        await world.journal.commit(tx)
    assert (await world.stored(operation)).status is Status.SUCCEEDED


async def test_what_never_ran_cannot_succeed(world: World, operation: Operation) -> None:
    rows = await world.store.gather(place_of(operation).partition, [operation.operation_id, keys.SLOT])
    held = Held(operation, rows[operation.operation_id], rows[keys.SLOT], rows)
    with pytest.raises(TransitionRefused):
        world.runs.settle(world.runs.transaction(held, "", ""), held, Status.SUCCEEDED)


async def test_one_operation_at_a_time_and_the_next_is_told_whom_to_wait_for(world: World, operation: Operation) -> None:
    row = await world.store.get(place_of(operation).partition, keys.SLOT)
    tx = world.transaction(place_of(operation))
    with pytest.raises(OperationInFlight) as taken:
        slot.take(tx, row, operation.model_copy(update={"operation_id": "op-2"}))
    assert (taken.value.operation_id, taken.value.must_settle_by) == (operation.operation_id, operation.must_settle_by)
    assert tx.changes == []


async def test_generations_count_up_over_the_operations_of_an_environment(world: World, operation: Operation) -> None:
    await world.runs.claim(run_of(operation), "")
    await end(world, operation)
    row = await world.store.get(place_of(operation).partition, keys.SLOT)
    tx = world.transaction(place_of(operation))
    slot.take(tx, row, operation.model_copy(update={"operation_id": "op-2"}))
    held = next(change for change in tx.changes if change.key == keys.SLOT)
    assert isinstance(held, Replace)
    assert (held.document["generation"], held.document["operationId"]) == (2, "op-2")


async def test_a_lost_race_is_run_again_three_times_and_then_told() -> None:
    tries: list[int] = []

    async def lost() -> None:
        tries.append(1)
        raise Conflict("row")

    with pytest.raises(ConcurrentChange):
        await rerun(lost)
    assert len(tries) == 3


def test_what_is_the_platforms_own_is_not_shown() -> None:
    contract = {
        "operationId", "environmentId", "kind", "status", "attempt", "steps", "waitingFor", "mustSettleBy", "requestedBy",
        "request", "decisionId", "resourceLocation", "retryOf", "error", "createdAt", "lastActionAt", "traceId",
    }  # fmt: skip
    assert {member.alias for member in model.OperationState.model_fields.values()} == contract
    assert model.OperationReport.model_fields.keys() < Operation.model_fields.keys()


async def test_what_is_to_be_taken_back_takes_no_step_forward_but_can_be_reported_on_and_undone(
    world: World, operation: Operation
) -> None:
    run = run_of(operation)
    await world.runs.claim(run, "")
    asked = model.CancelRequest(by="grace", at=world.time.now, reason="wrong region")
    await world.runs.change(run, lambda row: row.model_copy(update={"cancel": asked}))
    with pytest.raises(CancelRequested) as told:
        await world.runs.hold(run)
    assert (told.value.by, told.value.reason) == ("grace", "wrong region")
    await world.runs.step(run, "network", StepStatus.FAILED)
    held = await world.runs.hold(run, compensating=True)
    tx = world.runs.transaction(held, "thing.taken-back", "")
    world.runs.settle(tx, held, Status.CANCELED)
    await world.journal.commit(tx)
    assert (await world.stored(operation)).status is Status.CANCELED
