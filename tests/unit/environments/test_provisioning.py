"""The effects that make an environment, one by one, and with the procedure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.access.binding import BindingStatus, TenantBinding
from shared.kernel.errors import Superseded, Transient
from shared.kernel.record import Record
from shared.operations.model import CancelRequest, FailingRun, JobResult, Operation, OperationError, OperationStatus, Run
from shared.operations.procedure import CANCELED, WAKE, value
from shared.operations.runs import CancelRequested
from shared.runtime.environments.activities import (
    JOB_STARTS,
    Deps,
    Reported,
    run_claim,
    run_complete,
    run_fail,
    run_look,
    run_start_job,
)
from shared.runtime.environments.ending import Ending
from shared.runtime.environments.index import LISTED, ListedEnvironment
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.environments.orchestrator import (
    CLAIM,
    COMPLETE,
    LOOK,
    START_JOB,
    provision_environment,
)
from shared.store import keys
from shared.store.port import Replace
from tests.unit.operations.driven import Driven
from tests.unit.operations.world import NOON, TENANT, World, place_of, run_of


class Jobs:
    """Container Apps: what was started, and who lives."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.living: set[str] = set()
        self.down = False
        self.loses_answers = 0

    async def start(self, tenant_id: str, operation_id: str, attempt: int) -> str:
        if self.down:
            raise Transient("arm")
        self.started.append(f"exec-{len(self.started) + 1}")
        self.living.add(self.started[-1])
        if self.loses_answers:
            self.loses_answers -= 1
            raise Transient("arm")
        return self.started[-1]

    async def stop(self, execution: str) -> None:
        self.living.discard(execution)

    async def alive(self, execution: str) -> bool:
        if self.down:
            raise Transient("arm")
        return execution in self.living


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def deps(world: World, jobs: Jobs) -> Deps:
    return Deps(world.runs, Ending(world.runs, world.index), jobs)


@pytest.fixture
async def operation(world: World) -> Operation:
    return await world.provision()


@pytest.fixture
async def run(deps: Deps, operation: Operation) -> Run:
    """A claimed run."""
    assert await run_claim(deps, run_of(operation))
    return run_of(operation)


async def claim(world: World, run: Run, execution: str) -> None:
    await world.runs.change(run, lambda row: row.model_copy(update={"worker": row.worker or execution}))


async def listed(world: World) -> list[ListedEnvironment]:
    rows = await world.store.list(keys.tenant_partition(TENANT), keys.list_prefix(LISTED), limit=10)
    return [ListedEnvironment.read(row.document) for row in rows]


def seen(found: Reported | None) -> tuple[bool, str | None]:
    """Whether it was reported, and the error that was."""
    return found is not None, found.error.code if found and found.error else None


async def test_the_job_is_started_once_however_often_the_activity_runs(
    world: World, deps: Deps, jobs: Jobs, run: Run, operation: Operation
) -> None:
    await run_start_job(deps, run)
    await run_start_job(deps, run)
    assert jobs.started == ["exec-1"]
    assert (await world.stored(operation)).waiting_for == "the provisioner to report"


async def test_a_start_whose_answer_was_lost_is_repeated_while_nobody_works(deps: Deps, jobs: Jobs, run: Run) -> None:
    jobs.loses_answers = 1
    with pytest.raises(Transient):
        await run_start_job(deps, run)
    await run_start_job(deps, run)
    assert jobs.started == ["exec-1", "exec-2"]


async def test_a_start_whose_answer_was_lost_is_not_repeated_when_the_execution_works_already(
    world: World, deps: Deps, jobs: Jobs, run: Run, operation: Operation
) -> None:
    jobs.loses_answers = 1
    with pytest.raises(Transient):
        await run_start_job(deps, run)
    await claim(world, run, "exec-1")
    await run_start_job(deps, run)
    assert jobs.started == ["exec-1"]
    assert (await world.stored(operation)).worker == "exec-1"


async def test_an_execution_that_works_is_not_doubled_when_its_idle_twin_leaves(
    world: World, deps: Deps, jobs: Jobs, run: Run, operation: Operation
) -> None:
    """Two were started, the unrecorded one claimed the attempt, the recorded one found it claimed and left."""
    jobs.loses_answers = 1
    with pytest.raises(Transient):
        await run_start_job(deps, run)
    await run_start_job(deps, run)
    await claim(world, run, "exec-1")
    await jobs.stop("exec-2")
    assert seen(await run_look(deps, run)) == (False, None)
    assert jobs.started == ["exec-1", "exec-2"]
    assert (await world.stored(operation)).worker == "exec-1"


async def test_a_job_that_died_without_a_result_is_started_again_a_few_times(
    world: World, deps: Deps, jobs: Jobs, run: Run, operation: Operation
) -> None:
    await run_start_job(deps, run)
    for number in range(1, JOB_STARTS):
        await claim(world, run, f"exec-{number}")
        await jobs.stop(f"exec-{number}")
        assert seen(await run_look(deps, run)) == (False, None)
        assert (await world.stored(operation)).worker is None, "or the new one would find it claimed and leave"
    await jobs.stop(f"exec-{JOB_STARTS}")
    assert seen(await run_look(deps, run)) == (True, "ProvisionerFailed")
    assert len(jobs.started) == JOB_STARTS


async def test_a_living_job_is_left_alone(deps: Deps, jobs: Jobs, run: Run) -> None:
    await run_start_job(deps, run)
    assert seen(await run_look(deps, run)) == (False, None)
    assert jobs.started == ["exec-1"]


async def test_a_job_that_cannot_be_asked_after_is_not_dead(deps: Deps, jobs: Jobs, run: Run) -> None:
    await run_start_job(deps, run)
    jobs.down = True
    with pytest.raises(Transient):
        await run_look(deps, run)
    assert jobs.started == ["exec-1"]


async def test_a_last_write_between_the_read_and_the_look_at_the_job_counts(
    world: World, deps: Deps, jobs: Jobs, run: Run
) -> None:
    await run_start_job(deps, run)
    alive = jobs.alive

    async def dies_reporting(execution: str) -> bool:
        await world.report(run, JobResult(attempt=1, outputs={}))
        await jobs.stop(execution)
        return await alive(execution)

    jobs.alive = dies_reporting  # type: ignore[method-assign]
    assert seen(await run_look(deps, run)) == (False, None)
    assert jobs.started == ["exec-1"]
    assert seen(await run_look(deps, run)) == (True, None)


async def test_a_claim_between_the_read_and_the_look_at_the_job_counts(
    world: World, deps: Deps, jobs: Jobs, run: Run
) -> None:
    await run_start_job(deps, run)
    await jobs.stop("exec-1")

    async def claims(execution: str) -> bool:
        await claim(world, run, "exec-0")
        return False

    jobs.alive = claims  # type: ignore[method-assign]
    assert seen(await run_look(deps, run)) == (False, None)
    assert jobs.started == ["exec-1"]


async def test_a_claim_that_was_made_while_another_start_was_written_stands(
    world: World, deps: Deps, jobs: Jobs, run: Run, operation: Operation
) -> None:
    await run_start_job(deps, run)
    await jobs.stop("exec-1")
    world.store.interludes = [lambda: claim(world, run, "exec-0")]
    await run_look(deps, run)
    assert (await world.stored(operation)).worker == "exec-0", "and the new one finds it claimed and leaves"


async def test_a_result_of_another_attempt_does_not_count(world: World, deps: Deps, run: Run) -> None:
    await run_start_job(deps, run)
    await world.report(run, JobResult(attempt=7, outputs={}))
    assert seen(await run_look(deps, run)) == (False, None)


async def test_a_reported_error_is_told(world: World, deps: Deps, run: Run) -> None:
    await world.report(run, JobResult(attempt=1, error=OperationError(code="QuotaExceeded", message="no cores")))
    assert seen(await run_look(deps, run)) == (True, "QuotaExceeded")


async def test_completing_is_one_transaction_of_environment_binding_operation_slot_and_event(
    world: World, deps: Deps, run: Run, operation: Operation
) -> None:
    await world.report(run, JobResult(attempt=1, outputs={"vaultUri": "https://kv"}))
    world.time.passes(minutes=5)
    await run_complete(deps, run)
    environment = await world.environment(operation)
    assert (environment.status, environment.outputs) == (EnvironmentStatus.PROVISIONED, {"vaultUri": "https://kv"})
    rows = await world.store.gather(place_of(operation).partition, [keys.BINDING, keys.SLOT])
    assert TenantBinding.read(rows[keys.BINDING].document).status is BindingStatus.ACTIVE
    assert "operationId" not in rows[keys.SLOT].document
    assert (await world.stored(operation)).status is OperationStatus.SUCCEEDED
    entry = world.log(place_of(operation).partition)[0]
    assert (entry.kind, entry.operation_id) == ("environment.provisioned", operation.operation_id)
    assert [event.event_type for event in entry.events] == ["RuntimeEnvironmentProvisioned"]
    assert [one.environment.status for one in await listed(world)] == [EnvironmentStatus.PROVISIONED]


@pytest.mark.parametrize("ends_well", [True, False])
async def test_the_list_follows_even_when_it_was_away_at_the_end(
    world: World, deps: Deps, run: Run, operation: Operation, ends_well: bool
) -> None:
    await world.report(run, JobResult(attempt=1, outputs={}))

    async def end() -> None:
        if ends_well:
            await run_complete(deps, run)
        else:
            await run_fail(deps, failing(run))

    commit = world.store.commit

    async def away(partition: str, commit_id: str, changes: Any) -> None:
        if partition == keys.tenant_partition(TENANT):
            raise Transient("tables")
        await commit(partition, commit_id, changes)

    world.store.commit = away  # type: ignore[method-assign]
    with pytest.raises(Transient):
        await end()
    world.store.commit = commit  # type: ignore[method-assign]
    await end()
    status = EnvironmentStatus.PROVISIONED if ends_well else EnvironmentStatus.FAILED
    assert (await world.environment(operation)).status is status
    assert [one.environment.status for one in await listed(world)] == [status]
    assert len([entry for entry in world.log(place_of(operation).partition) if "requested" not in entry.kind]) == 1


async def test_failing_leaves_environment_and_operation_failed_and_the_slot_free(
    world: World, deps: Deps, run: Run, operation: Operation
) -> None:
    await run_fail(deps, failing(run))
    assert (await world.environment(operation)).status is EnvironmentStatus.FAILED
    stored = await world.stored(operation)
    assert stored.status is OperationStatus.FAILED
    assert stored.error == OperationError(code="QuotaExceeded", message="no cores")
    row = await world.store.get(place_of(operation).partition, keys.SLOT)
    assert row is not None
    assert "operationId" not in row.document


async def test_who_was_replaced_neither_starts_nor_looks_nor_ends_anything(
    world: World, deps: Deps, jobs: Jobs, run: Run, operation: Operation
) -> None:
    await world.report(run, JobResult(attempt=1, outputs={}))
    row = await world.store.get(place_of(operation).partition, operation.operation_id)
    assert row is not None
    newer = Replace(row.key, {**row.document, "attempt": 2}, row.version)
    await world.store.commit(place_of(operation).partition, world.draw(), [newer])
    for effect in (run_start_job(deps, run), run_look(deps, run), run_complete(deps, run), run_fail(deps, failing(run))):
        with pytest.raises(Superseded):
            await effect
    assert jobs.started == []
    assert (await world.environment(operation)).status is EnvironmentStatus.PROVISIONING
    assert not await run_claim(deps, run)


def failing(run: Run) -> FailingRun:
    return FailingRun(**run.model_dump(), error=OperationError(code="QuotaExceeded", message="no cores"))


BODIES: dict[str, Any] = {CLAIM: run_claim, START_JOB: run_start_job, LOOK: run_look, COMPLETE: run_complete}


async def test_procedure_and_effects_together_make_an_environment(
    world: World, deps: Deps, jobs: Jobs, operation: Operation
) -> None:
    run = run_of(operation)
    engine = Driven(run.document()).play(provision_environment)

    async def do(name: str) -> None:
        ended = await BODIES[name](deps, run)
        engine.ends(name, value(ended.document() if isinstance(ended, Record) else ended))

    await do(CLAIM)
    await do(START_JOB)
    await do(LOOK)
    await jobs.stop("exec-1")
    at: datetime = engine.fires()
    assert at == NOON + timedelta(seconds=60)
    await do(LOOK)
    await world.report(run, JobResult(attempt=1, outputs={}))
    engine.hears(WAKE)
    await do(LOOK)
    await do(COMPLETE)
    assert engine.result == "provisioned"
    assert jobs.started == ["exec-1", "exec-2"]
    assert (await world.environment(operation)).status is EnvironmentStatus.PROVISIONED


async def to_be_taken_back(world: World, run: Run) -> None:
    asked = CancelRequest(by="grace", at=world.time.now)
    await world.runs.change(run, lambda row: row.model_copy(update={"cancel": asked}))


async def test_a_cancelled_run_stops_its_job_before_it_says_so(world: World, deps: Deps, jobs: Jobs, run: Run) -> None:
    await run_start_job(deps, run)
    await to_be_taken_back(world, run)
    with pytest.raises(Transient):
        await run_look(deps, run)
    assert jobs.living == set()
    with pytest.raises(CancelRequested):
        await run_look(deps, run)


async def test_a_cancelled_run_starts_no_job(world: World, deps: Deps, jobs: Jobs, run: Run) -> None:
    await to_be_taken_back(world, run)
    with pytest.raises(CancelRequested):
        await run_start_job(deps, run)
    assert jobs.started == []


async def test_a_cancelled_provisioning_leaves_the_environment_failed_and_the_operation_canceled(
    world: World, deps: Deps, run: Run, operation: Operation
) -> None:
    await to_be_taken_back(world, run)
    error = OperationError(code=CANCELED, message="grace cancelled it")
    await run_fail(deps, FailingRun(**run.model_dump(), error=error))
    assert (await world.environment(operation)).status is EnvironmentStatus.FAILED
    assert (await world.stored(operation)).status is OperationStatus.CANCELED
