"""Following operations: one, an environment's, a tenant's; all of it, its outline, or nothing."""

from __future__ import annotations

import pytest

from shared.access.caller import Caller
from shared.kernel.errors import InsufficientScope, NotFound
from shared.operations import reading
from shared.operations.model import READ_SCOPE, WRITE_SCOPE, JobResult, OperationKind, OperationStatus
from shared.operations.reading import ANY_SCOPE, OUTLINE_SCOPE, may_see, shown_to
from shared.store import keys
from shared.store.port import Put
from tests.unit.operations.world import TENANT, World, run_of

READ = "runtime.environments.read"


def caller(*scopes: str, tenant: str = TENANT) -> Caller:
    return Caller(tenant, "ada", "control-plane", frozenset(scopes), "trace-1")


async def test_an_operation_is_read_by_its_id(world: World) -> None:
    operation = await world.provision()
    assert await world.operations.get(caller(READ), operation.operation_id) == operation


async def test_any_other_id_and_any_other_tenant_finds_nothing(world: World) -> None:
    operation = await world.provision()
    own = operation.operation_id.removeprefix("op-")
    for who, ident in [
        (caller(READ, tenant="other"), operation.operation_id),
        (caller(READ), operation.environment_id),
        (caller(READ), f"dep-{own}"),
        (caller(READ), f"op-{own}0"),
        (caller(READ), "op-nonsense"),
        (caller(READ), "env"),
    ]:
        with pytest.raises(NotFound):
            await world.operations.get(who, ident)


async def test_operations_are_listed_newest_first_a_page_at_a_time(world: World) -> None:
    made = []
    for number in range(3):
        made.append((await world.provision(name=f"env-{number}")).operation_id)
        world.time.passes(seconds=1)
    first = await world.operations.of_tenant(caller(READ), None, 2, "")
    assert [one["operationId"] for one in first.operations] == made[:0:-1]
    assert first.after is not None
    second = await world.operations.of_tenant(caller(READ), None, 2, first.after)
    assert [one["operationId"] for one in second.operations] == made[:1]
    assert second.after is None
    assert (await world.operations.of_tenant(caller(READ, tenant="other"), None, 2, "")).operations == []


async def test_an_environments_operations_are_its_own(world: World) -> None:
    operation = await world.provision()
    await world.provision(name="another")
    page = await world.operations.of_environment(caller(READ), operation.environment_id, None, 50, "")
    assert [one["operationId"] for one in page.operations] == [operation.operation_id]


async def test_only_an_environments_own_id_lists_its_operations(world: World) -> None:
    operation = await world.provision()
    for who, ident in [
        (caller(READ, tenant="other"), operation.environment_id),
        (caller(READ), operation.operation_id),
        (caller(READ), "env-0000000000000000"),
        (caller(READ), "nonsense"),
    ]:
        with pytest.raises(NotFound):
            await world.operations.of_environment(who, ident, None, 50, "")


async def test_a_status_filters(world: World) -> None:
    await world.provisioned()
    open_one = await world.provision(name="another")
    page = await world.operations.of_tenant(caller(READ), OperationStatus.NOT_STARTED, 50, "")
    assert [one["operationId"] for one in page.operations] == [open_one.operation_id]


async def of_statuses(world: World, statuses: str) -> list[str]:
    """Operations of one environment each, oldest first: `S` has succeeded, `o` is open. Their ids, newest first."""
    made = []
    for number, word in enumerate(statuses):
        operation = await world.provision(name=f"env-{number}")
        if word == "S":
            partition = keys.partition_of(TENANT, operation.environment_id)
            ended = operation.model_copy(update={"status": OperationStatus.SUCCEEDED})
            await world.store.commit(partition, f"end-{number}", [Put(operation.operation_id, ended.document())])
        made.append(operation.operation_id)
        world.time.passes(seconds=1)
    return made[::-1]


async def test_a_page_of_a_status_is_filled_up_over_what_is_of_another(world: World) -> None:
    made = await of_statuses(world, "oSSoSSoSS")
    first = await world.operations.of_tenant(caller(READ), OperationStatus.NOT_STARTED, 2, "")
    assert [one["operationId"] for one in first.operations] == [made[2], made[5]]
    second = await world.operations.of_tenant(caller(READ), OperationStatus.NOT_STARTED, 2, first.after or "")
    assert ([one["operationId"] for one in second.operations], second.after) == ([made[8]], None)


async def test_looking_for_a_status_is_bounded_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RANGE", 2)
    monkeypatch.setattr(reading, "MOST", 4)
    made = await of_statuses(world, "oSSSSSS")
    pages, after = [], ""
    while True:
        page = await world.operations.of_tenant(caller(READ), OperationStatus.NOT_STARTED, 2, after)
        pages.append([one["operationId"] for one in page.operations])
        if page.after is None:
            break
        after = page.after
    assert pages == [[], [made[6]]]


async def test_a_pointer_whose_operation_never_came_is_skipped(world: World) -> None:
    operation = await world.provision()
    ghost = operation.model_copy(update={"operation_id": operation.operation_id[:-1] + "f"})
    await world.index.announce_operation(ghost)
    page = await world.operations.of_tenant(caller(READ), None, 50, "")
    assert [one["operationId"] for one in page.operations] == [operation.operation_id]


async def test_a_pointer_that_a_racer_left_does_not_list_an_operation_twice(world: World) -> None:
    operation = await world.provision()
    world.time.passes(seconds=1)
    await world.index.announce_operation(operation.model_copy(update={"created_at": world.time.now}))
    page = await world.operations.of_tenant(caller(READ), None, 50, "")
    assert [one["operationId"] for one in page.operations] == [operation.operation_id]


@pytest.mark.parametrize("kind", OperationKind)
async def test_a_scope_of_its_kind_shows_all_the_outline_scope_little_any_other_nothing(
    world: World, kind: OperationKind
) -> None:
    operation = (await world.provision()).model_copy(update={"kind": kind, "result": JobResult(attempt=1)})
    for scope in {READ_SCOPE[kind], WRITE_SCOPE[kind]}:
        shown = shown_to(caller(scope), operation)
        assert shown["request"] == operation.request
        assert not {"tenantId", "receipt", "result", "worker", "job"} & set(shown)
    if OUTLINE_SCOPE not in (READ_SCOPE[kind], WRITE_SCOPE[kind]):
        outlined = shown_to(caller(OUTLINE_SCOPE), operation)
        assert set(outlined) == {"operationId", "kind", "status", "mustSettleBy"}
    foreign = set(ANY_SCOPE) - {READ_SCOPE[kind], WRITE_SCOPE[kind], OUTLINE_SCOPE}
    with pytest.raises(InsufficientScope) as refused:
        shown_to(caller(*foreign), operation)
    assert refused.value.needed == READ_SCOPE[kind]
    assert not may_see(caller(*foreign), operation)


async def test_a_list_leaves_out_what_the_caller_may_not_see(world: World) -> None:
    await world.provision()
    page = await world.operations.of_tenant(caller("runtime.secrets.write"), None, 50, "")
    assert page.operations == []


async def test_an_ended_operation_stays_readable(world: World) -> None:
    operation = await world.provision()
    run = run_of(operation)
    await world.runs.claim(run, "")
    world.time.passes(hours=48)
    assert (await world.operations.get(caller(READ), operation.operation_id)).status is OperationStatus.RUNNING
