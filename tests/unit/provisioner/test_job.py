"""One execution for one attempt: it claims, works, reports, nudges and leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from infra.provisioner.engine import load
from infra.provisioner.job import Job
from infra.provisioner.patience import LONGEST_WAIT, Patience, Patient
from shared.kernel.errors import Refused, Transient
from shared.operations.model import JobResult, Operation, OperationKind, OperationStatus, Run
from shared.store.port import Replace
from tests.unit.operations.world import TENANT, World, place_of, run_of

Progress = Callable[[str, str, str], Awaitable[None]]


class Engine:
    """Makes one thing, or fails as a test wants."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.destroyed: list[Mapping[str, Any]] = []
        self.fails: BaseException | None = None
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def make(self, record: Mapping[str, Any], *, arm: Any, progress: Progress) -> dict[str, str]:
        self.records.append(record)
        await progress("network", "Running", "making it")
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.fails is not None:
            raise self.fails
        await progress("network", "Succeeded", "made")
        return {"vaultUri": "https://kv.example"}

    async def destroy(self, record: Mapping[str, Any], *, arm: Any, progress: Progress) -> None:
        self.destroyed.append(record)
        await progress("network", "Succeeded", "unmade")


class Slept:
    """Time that passes by sleeping."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.pauses: list[float] = []
        self.then: Callable[[], None] = lambda: None

    def clock(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.passed += seconds
        self.then()


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def slept() -> Slept:
    return Slept()


@pytest.fixture
def nudged() -> list[Run]:
    return []


@pytest.fixture
def job(world: World, engine: Engine, slept: Slept, nudged: list[Run]) -> Callable[[str], Job]:
    async def nudge(run: Run) -> None:
        nudged.append(run)

    def made(execution: str) -> Job:
        patience = Patience(60, slept.clock, slept.sleep)
        return Job(world.runs, engine, None, execution, nudge, patience)  # type: ignore[arg-type] - this engine asks no ARM

    return made


@pytest.fixture
async def operation(world: World) -> Operation:
    operation = await world.provision()
    await world.runs.claim(run_of(operation), "")
    return operation


async def replace(world: World, operation: Operation, **members: Any) -> None:
    row = await world.store.get(place_of(operation).partition, operation.operation_id)
    assert row is not None
    write = Replace(row.key, {**row.document, **members}, row.version)
    await world.store.commit(place_of(operation).partition, world.draw(), [write])


async def result(world: World, operation: Operation) -> JobResult | None:
    return (await world.stored(operation)).result


async def test_the_result_is_on_the_row_before_the_nudge_leaves(
    world: World, engine: Engine, job: Callable[[str], Job], nudged: list[Run], operation: Operation
) -> None:
    await job("exec-1").work(run_of(operation))
    assert await result(world, operation) == JobResult(attempt=1, outputs={"vaultUri": "https://kv.example"})
    assert nudged == [run_of(operation)]
    (step,) = (await world.stored(operation)).steps
    assert (step.name, step.status, step.detail) == ("network", "Succeeded", "made")


async def test_the_engine_is_told_what_to_make(engine: Engine, job: Callable[[str], Job], operation: Operation) -> None:
    await job("exec-1").work(run_of(operation))
    (record,) = engine.records
    assert record == {
        "tenantId": TENANT,
        "projectId": "proj-booking-saas",
        "environmentId": operation.environment_id,
        "name": "booking-dev-weu",
        "stage": "dev",
        "region": "westeurope",
        "isolationModel": "silo",
        "computeTargets": ["aks", "container-apps"],
        "placement": {"subscriptionId": "sub-1", "resourceGroup": f"rg-{operation.environment_id}"},
        "operationId": operation.operation_id,
        "attempt": 1,
        "retainData": False,
        "mend": False,
    }


async def test_of_two_executions_for_one_attempt_one_works(
    world: World, engine: Engine, job: Callable[[str], Job], nudged: list[Run], operation: Operation
) -> None:
    await asyncio.gather(*[job(f"exec-{number}").work(run_of(operation)) for number in range(5)])
    assert len(engine.records) == 1
    assert len(nudged) == 1


async def test_an_execution_that_was_restarted_goes_on_with_its_claim(
    engine: Engine, job: Callable[[str], Job], operation: Operation
) -> None:
    await job("exec-1").work(run_of(operation))
    await job("exec-1").work(run_of(operation))
    assert len(engine.records) == 2, "the engine recognises what it made"


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        (Refused("arm", "QuotaExceeded", "no cores"), "QuotaExceeded", "no cores"),
        (Transient("arm"), "DependencyUnavailable", "arm could not be reached"),
        (ValueError("password=hunter2"), "ProvisionerFailed", "the engine failed; the provisioner's log has the reason"),
    ],
)
async def test_what_goes_wrong_in_the_engine_is_the_operations_error(
    world: World,
    engine: Engine,
    job: Callable[[str], Job],
    nudged: list[Run],
    operation: Operation,
    fault: Exception,
    code: str,
    message: str,
) -> None:
    engine.fails = fault
    await job("exec-1").work(run_of(operation))
    found = await result(world, operation)
    assert found is not None
    assert found.outputs is None
    assert found.error is not None
    assert (found.error.code, found.error.message) == (code, message)
    assert len(nudged) == 1


async def test_who_was_replaced_before_he_began_does_nothing(
    world: World, engine: Engine, job: Callable[[str], Job], nudged: list[Run], operation: Operation
) -> None:
    await replace(world, operation, attempt=2)
    await job("exec-1").work(run_of(operation))
    assert (engine.records, nudged, await result(world, operation)) == ([], [], None)


async def test_who_was_replaced_while_he_worked_writes_nothing_more(
    world: World, engine: Engine, job: Callable[[str], Job], nudged: list[Run], operation: Operation
) -> None:
    async def meanwhile() -> None:
        await replace(world, operation, attempt=2, worker="exec-2")

    engine.meanwhile = meanwhile
    await job("exec-1").work(run_of(operation))
    stored = await world.stored(operation)
    assert (nudged, stored.result, stored.worker) == ([], None, "exec-2")
    assert [step.status for step in stored.steps] == ["Running"]


async def test_who_finds_it_to_be_cancelled_begins_nothing_and_calls_it_no_failure(
    world: World,
    engine: Engine,
    job: Callable[[str], Job],
    nudged: list[Run],
    operation: Operation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await replace(world, operation, cancel={"by": "ada", "at": "2026-06-11T12:00:00Z"})
    with caplog.at_level(logging.INFO):
        await job("exec-1").work(run_of(operation))
    assert (engine.records, nudged, await result(world, operation)) == ([], [], None)
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert "ada asked to cancel it" in caplog.text


async def test_what_has_ended_is_left_alone(
    world: World, engine: Engine, job: Callable[[str], Job], operation: Operation
) -> None:
    await replace(world, operation, status=OperationStatus.FAILED.value)
    await job("exec-1").work(run_of(operation))
    assert engine.records == []


async def test_a_lost_nudge_costs_nothing_but_a_poll(
    world: World, engine: Engine, slept: Slept, operation: Operation
) -> None:
    async def lost(_run: Run) -> None:
        raise Transient("serviceBus")

    patience = Patience(60, slept.clock, slept.sleep)
    await Job(world.runs, engine, None, "exec-1", lost, patience).work(run_of(operation))  # type: ignore[arg-type]
    assert await result(world, operation) is not None


async def test_a_hiccup_of_the_store_costs_a_pause_and_not_the_engines_work(
    world: World, engine: Engine, job: Callable[[str], Job], slept: Slept, operation: Operation
) -> None:
    async def meanwhile() -> None:
        world.store.down = True

    def back() -> None:
        world.store.down = False

    engine.meanwhile, slept.then = meanwhile, back
    await job("exec-1").work(run_of(operation))
    assert await result(world, operation) == JobResult(attempt=1, outputs={"vaultUri": "https://kv.example"})
    assert slept.pauses
    assert len(engine.records) == 1


async def test_a_store_that_stays_away_ends_the_process_with_an_error(
    world: World, engine: Engine, job: Callable[[str], Job], operation: Operation
) -> None:
    world.store.down = True
    with pytest.raises(Transient):
        await job("exec-1").work(run_of(operation))
    assert engine.records == []


async def test_decommissioning_destroys(
    world: World, engine: Engine, job: Callable[[str], Job], operation: Operation
) -> None:
    await replace(world, operation, kind=OperationKind.DECOMMISSION.value)
    await job("exec-1").work(run_of(operation))
    assert (len(engine.records), len(engine.destroyed)) == (0, 1)
    assert await result(world, operation) == JobResult(attempt=1, outputs={})


class Flaky:
    """ARM that is away a number of times."""

    def __init__(self, times: int, retry_after: float = 1.0) -> None:
        self.left, self.retry_after = times, retry_after

    async def put(self, resource_id: str, api_version: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.left:
            self.left -= 1
            raise Transient("arm", retry_after=self.retry_after)
        return body


async def test_patience_waits_longer_each_time_and_as_long_as_it_is_told(slept: Slept) -> None:
    patient = Patient(Flaky(7, retry_after=1.0), Patience(600, slept.clock, slept.sleep))  # type: ignore[arg-type]
    assert await patient.put("/r", "v", {"a": 1}) == {"a": 1}
    assert slept.pauses == [1.0, 1.0, 2.0, 4.0, 8.0, LONGEST_WAIT, LONGEST_WAIT]
    slept.pauses.clear()
    await Patient(Flaky(1, retry_after=17.0), Patience(600, slept.clock, slept.sleep)).put("/r", "v", {})  # type: ignore[arg-type]
    assert slept.pauses == [17.0]


async def test_patience_ends_with_its_budget(slept: Slept) -> None:
    patient = Patient(Flaky(1000), Patience(60, slept.clock, slept.sleep))  # type: ignore[arg-type]
    with pytest.raises(Transient):
        await patient.put("/r", "v", {})
    assert 40 < slept.passed <= 60


@pytest.mark.parametrize("name", ["", "no.such.module", "json", "..relative"])
def test_what_is_no_engine_is_refused_before_any_work(name: str) -> None:
    with pytest.raises(ValueError, match="PROVISIONER_ENGINE"):
        load(name)
