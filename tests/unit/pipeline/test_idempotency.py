"""One key, one change: for whoever repeats it, races with it, or thinks it is free."""

from __future__ import annotations

import asyncio

from shared.events.journal import Outcome
from shared.kernel import ids
from shared.runtime.environments.index import LISTED
from shared.store import keys
from shared.store.port import Delete
from tests.unit.operations.world import TENANT
from tests.unit.pipeline.api import ALL, KEY, Api, document, environment_id_of, seed

OTHER_CLIENT = "other:" + ALL.replace(" ", "+")


async def test_the_same_key_and_body_get_the_same_answer_and_one_change(api: Api) -> None:
    first = await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    second = await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    assert first.status == second.status == 202
    assert document(first) == document(second)
    for name in ("Location", "Operation-Location", "Retry-After"):
        assert first.headers[name] == second.headers[name]
    assert len(api.hub.started) == 1, "what was started long ago is not started again"


async def test_a_quoted_key_is_the_same_key(api: Api) -> None:
    first = await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    assert document(await api.ask("POST", "/environments", seed(), idempotency_key='"k-1"')) == document(first)


async def test_members_in_another_order_are_the_same_body(api: Api) -> None:
    await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    turned = dict(reversed(seed().items()))
    assert (await api.ask("POST", "/environments", turned, idempotency_key="k-1")).status == 202


async def test_another_body_is_refused(api: Api) -> None:
    await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    answer = await api.ask("POST", "/environments", seed(name="another"), idempotency_key="k-1")
    assert (answer.status, document(answer)["code"]) == (422, "IdempotencyKeyReused")


async def test_another_tenant_another_route_and_another_environment_are_independent(api: Api) -> None:
    mine = await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    theirs = await api.ask("POST", "/environments", seed(tenantId="other"), token=OTHER_CLIENT, idempotency_key="k-1")
    assert (mine.status, theirs.status) == (202, 202)
    assert environment_id_of(mine) != environment_id_of(theirs)
    one, other = await api.ready(name="one"), await api.ready(name="other")
    assert document(await api.label(one, "x", idempotency_key="k-1"))["label"] == "x"
    assert document(await api.label(other, "y", idempotency_key="k-1"))["label"] == "y"


async def test_two_keys_are_two_changes_and_none_remembers_nothing(api: Api) -> None:
    environment = await api.ready()
    for key, label in (("k-1", "x"), ("k-2", "y")):
        assert document(await api.label(environment, label, idempotency_key=key))["label"] == label
    made = [await api.ask("POST", "/environments", seed(name=name), idempotency_key=name) for name in ("a", "b")]
    assert environment_id_of(made[0]) != environment_id_of(made[1])
    await api.label(environment, "z")
    await api.label(environment, "z")
    partition = keys.partition_of(TENANT, environment.environment_id)
    remembered = [key for key in api.world.store.partition(partition) if key.startswith("idem-")]
    assert len(remembered) == 2


async def test_ids_made_of_a_key_are_not_guessed_from_it(api: Api) -> None:
    """They follow from the platform's own secret, the purpose, the caller, the route and the key."""
    answer = await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    scope = (TENANT, "control-plane", "environments.provision", "/environments", "")
    window = str(int(api.world.time().timestamp()) // 86400)
    assert environment_id_of(answer) == ids.environment_id(ids.derived(KEY, "idempotency", *scope, "k-1", window))


async def test_a_replay_is_told_in_the_log_of_its_environment(api: Api) -> None:
    answer = await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    partition = keys.partition_of(TENANT, environment_id_of(answer))
    told = [(entry.outcome, entry.summary) for entry in api.world.log(partition)]
    again = (
        f"provision environment on {environment_id_of(answer)} was replayed: the same key and request, answered as before"
    )
    assert (Outcome.REPLAYED, again) in told


async def test_the_key_that_was_used_before_is_named(api: Api) -> None:
    await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    await api.ask("POST", "/environments", seed(name="another"), idempotency_key="k-1")
    assert [entry.code for entry in api.rows() if entry.outcome is Outcome.FAILED] == ["IdempotencyKeyReused"]


async def test_twenty_racers_make_one_environment_one_operation_and_one_list_entry(api: Api) -> None:
    answers = await asyncio.gather(
        *[api.ask("POST", "/environments", seed(stage="prod"), idempotency_key="k-1") for _ in range(20)]
    )
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body for answer in answers}) == 1
    assert len({answer.headers["Operation-Location"] for answer in answers}) == 1
    store = api.world.store
    environments = [name for name in store.everything if keys.ENVIRONMENT in store.partition(name)]
    assert len(environments) == 1
    rows = store.partition(environments[0])
    assert sum(key.startswith("op-") for key in rows) == 1
    assert sum(key.startswith("idem-") for key in rows) == 1
    index = store.partition(keys.tenant_partition(TENANT))
    assert sum(key.startswith(keys.list_prefix(LISTED)) for key in index) == 1
    outcomes = sorted(entry.outcome for entry in api.rows())
    assert outcomes == [Outcome.ALLOWED] + [Outcome.REPLAYED] * 19
    assert len(api.hub.started) == 1


async def test_twenty_racers_that_move_the_clock_still_make_one_list_entry(api: Api) -> None:
    async def one() -> int:
        api.world.time.passes(milliseconds=7)
        return (await api.ask("POST", "/environments", seed(), idempotency_key="k-1")).status

    assert set(await asyncio.gather(*[one() for _ in range(20)])) == {202}
    page = document(await api.ask("GET", "/environments"))
    assert len(page["environments"]) == 1


async def test_twenty_racers_without_a_key_make_one_environment_of_the_name(api: Api) -> None:
    answers = await asyncio.gather(*[api.ask("POST", "/environments", seed()) for _ in range(20)])
    assert sorted(answer.status for answer in answers) == [202] + [409] * 19
    assert {document(answer)["code"] for answer in answers if answer.status == 409} == {"NameTaken"}


async def test_a_failed_attempt_does_not_use_up_its_key(api: Api) -> None:
    api.policy.down = True
    assert (await api.ask("POST", "/environments", seed(stage="prod"), idempotency_key="k-1")).status == 503
    api.policy.down = False
    assert (await api.ask("POST", "/environments", seed(stage="prod"), idempotency_key="k-1")).status == 202


async def test_a_lost_answer_is_found_again_without_asking_the_policy_twice(api: Api) -> None:
    first = await api.ask("POST", "/environments", seed(stage="prod"), idempotency_key="k-1")
    api.policy.denies()
    again = await api.ask("POST", "/environments", seed(stage="prod"), idempotency_key="k-1")
    assert again.body == first.body
    assert len(api.policy.asked) == 1


async def test_a_replay_answers_what_was_true_then_whatever_if_match_says_now(api: Api) -> None:
    environment = await api.ready()
    etag = (await api.ask("GET", f"/environments/{environment.environment_id}")).headers["ETag"]
    assert (await api.label(environment, "x", if_match=etag, idempotency_key="k-1")).status == 200
    assert (await api.label(environment, "x", if_match=etag, idempotency_key="k-1")).status == 200


# A key's life: its answer is kept for a day, whichever day that began on.


async def forgotten(api: Api) -> None:
    """What the purge leaves a day later."""
    api.world.time.passes(hours=24, minutes=5)
    for name in api.world.store.everything:
        rows = await api.world.store.list(name, "idem-", limit=10)
        if rows:
            await api.world.store.commit(name, api.world.draw(), [Delete(row.key, row.version) for row in rows])


async def test_a_day_has_its_own_answers_and_those_of_the_day_before(api: Api) -> None:
    environment = await api.ready(name="standing")
    made = await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    published = await api.publish(environment, A="1", idempotency_key="k-1")
    api.world.time.passes(hours=23)
    assert (await api.ask("POST", "/environments", seed(), idempotency_key="k-1")).body == made.body
    assert (await api.publish(environment, A="1", idempotency_key="k-1")).body == published.body
    other = await api.ask("POST", "/environments", seed(name="another"), idempotency_key="k-1")
    assert document(other)["code"] == "IdempotencyKeyReused"


async def test_a_key_whose_answer_is_gone_is_as_good_as_new(api: Api) -> None:
    environment = await api.ready(name="standing")
    first = await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    published = await api.publish(environment, A="1", idempotency_key="k-1")
    await forgotten(api)
    second = await api.ask("POST", "/environments", seed(name="another"), idempotency_key="k-1")
    assert (first.status, second.status) == (202, 202)
    assert environment_id_of(first) != environment_id_of(second)
    again = await api.publish(environment, A="1", idempotency_key="k-1")
    assert (again.status, document(again)["version"]) == (201, document(published)["version"] + 1)
    assert (await api.publish(environment, A="1", idempotency_key="k-1")).body == again.body


async def test_who_asks_again_for_what_stands_learns_that_it_does(api: Api) -> None:
    await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    await forgotten(api)
    answer = await api.ask("POST", "/environments", seed(), idempotency_key="k-1")
    assert (answer.status, document(answer)["code"]) == (409, "NameTaken")


async def test_racers_on_both_sides_of_midnight_make_one_change(api: Api) -> None:
    environment = await api.ready()
    racers = []

    async def the_other() -> None:
        api.world.time.passes(hours=13)
        racers.append(await api.publish(environment, A="1", idempotency_key="k-1"))

    api.world.store.interludes.append(the_other)
    answer = await api.publish(environment, A="1", idempotency_key="k-1")
    assert (answer.status, answer.body) == (201, racers[0].body)


async def test_a_key_that_is_no_key_is_malformed(api: Api) -> None:
    for key in ("", "x" * 256, "ä", '"open', "a\nb"):
        answer = await api.ask("POST", "/environments", seed(), idempotency_key=key)
        assert (answer.status, document(answer)["code"]) == (400, "MalformedRequest"), key
    assert (await api.ask("POST", "/environments", seed(), idempotency_key="x" * 255)).status == 202
