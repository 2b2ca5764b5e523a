"""Production changes: asked exactly once, recorded always, nothing done without a word."""

from __future__ import annotations

import pytest

from shared.events.journal import Outcome
from shared.store import keys
from tests.unit.operations.world import TENANT, TRACE
from tests.unit.pipeline.api import READ, Api, document, seed


async def test_a_production_change_is_asked_about_once_and_its_receipt_is_kept(api: Api) -> None:
    answer = await api.ask("POST", "/environments", seed(stage="prod"), traceparent=f"00-{'ab' * 16}-{'c' * 16}-01")
    assert answer.status == 202
    (asked,) = api.policy.asked
    assert asked["action"] == "environments.provision"
    assert (asked["tenantId"], asked["subject"], asked["clientId"], asked["stage"]) == (
        TENANT,
        "ada",
        "control-plane",
        "prod",
    )
    assert asked["request"] == seed(stage="prod")
    assert asked["traceId"] == TRACE
    (entry,) = api.rows()
    assert (entry.decision_id, entry.outcome) == ("dec-1", Outcome.ALLOWED)
    followed = answer.headers["Operation-Location"].removeprefix("https://api.example/v1/runtime")
    operation = document(await api.ask("GET", followed))
    assert operation["decisionId"] == "dec-1"
    assert "receipt" not in operation


async def test_it_is_asked_about_the_environment_that_is_meant(api: Api) -> None:
    environment = await api.ready(stage="prod")
    await api.label(environment)
    await api.ask("POST", "/environments", seed(name="new", stage="prod"))
    assert [asked.get("environmentId") for asked in api.policy.asked] == [environment.environment_id, None]


async def test_what_was_refused_is_told_with_its_reason_on_the_environment_it_was_about(api: Api) -> None:
    environment = await api.ready(stage="prod")
    api.policy.denies()
    await api.label(environment)
    await api.label(environment, token=f"{TENANT}:{READ}")
    await api.ask("POST", f"/environments/{environment.environment_id}/label", {"tenantId": TENANT, "odd": 1})
    partition = keys.partition_of(TENANT, environment.environment_id)
    told = [entry.summary for entry in api.world.log(partition) if entry.outcome is not Outcome.ALLOWED]
    on = f"label environment on {environment.environment_id}"
    assert sorted(told) == sorted(
        [
            f"{on} was denied: PolicyDenied (a freeze)",
            f"{on} was denied: InsufficientScope (needs runtime.environments.write)",
            f"{on} failed: MalformedRequest (label, odd)",
        ]
    )


@pytest.mark.parametrize("stage", ["dev", "test", "staging"])
async def test_other_stages_are_not_asked_about(api: Api, stage: str) -> None:
    api.policy.denies()
    assert (await api.ask("POST", "/environments", seed(stage=stage))).status == 202
    assert api.policy.asked == []


async def test_it_is_asked_once_though_the_commit_lost_races_and_ran_again(api: Api) -> None:
    environment = await api.ready(stage="prod")

    async def nothing() -> None: ...

    async def overtakes() -> None:
        saved, api.world.store.interludes = api.world.store.interludes, []
        await api.rewrite(environment, keys.ENVIRONMENT, pulumiStackRef=f"other-{len(saved)}")
        api.world.store.interludes = saved

    api.world.store.interludes = [overtakes, overtakes, nothing]
    answer = await api.label(environment)
    assert answer.status == 200
    assert api.world.store.interludes == []
    assert len(api.policy.asked) == 1
    assert (await api.world.store.get(keys.partition_of(TENANT, environment.environment_id), "env")) is not None


async def test_three_lost_races_are_told_as_a_conflict(api: Api) -> None:
    environment = await api.ready(stage="prod")

    async def overtakes() -> None:
        saved, api.world.store.interludes = api.world.store.interludes, []
        await api.rewrite(environment, keys.ENVIRONMENT, pulumiStackRef=f"other-{len(saved)}")
        api.world.store.interludes = saved

    api.world.store.interludes = [overtakes] * 3
    answer = await api.label(environment)
    assert (answer.status, document(answer)["code"]) == (409, "ConcurrentChange")
    assert len(api.policy.asked) == 1


async def test_a_denial_tells_its_reasons_and_leaves_a_log_row_alone(api: Api) -> None:
    api.policy.denies()
    answer = await api.ask("POST", "/environments", seed(stage="prod"))
    assert (answer.status, document(answer)["code"]) == (403, "PolicyDenied")
    assert document(answer)["reasons"] == ["a freeze"]
    assert document(answer)["decisionId"] == "dec-2"
    (entry,) = api.rows()
    assert (entry.outcome, entry.code, entry.decision_id) == (Outcome.DENIED, "PolicyDenied", "dec-2")
    assert only_a_log_row(api)


async def test_a_wanted_approval_has_a_code_of_its_own(api: Api) -> None:
    api.policy.denies(obligations={"approval": {"role": "owner"}})
    answer = await api.ask("POST", "/environments", seed(stage="prod"))
    assert (answer.status, document(answer)["code"]) == (403, "PolicyApprovalRequired")
    assert document(answer)["obligations"] == {"approval": {"role": "owner"}}


@pytest.mark.parametrize("wrong", ["down", "undefined", "no boolean"])
async def test_without_a_word_of_the_policy_nothing_is_done(api: Api, wrong: str) -> None:
    api.policy.down = wrong == "down"
    api.policy.answer = {} if wrong == "undefined" else {"result": {"allow": "true"}}
    answer = await api.ask("POST", "/environments", seed(stage="prod"))
    assert (answer.status, document(answer)["code"]) == (503, "DependencyUnavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    (entry,) = api.rows()
    assert (entry.outcome, entry.code) == (Outcome.FAILED, "DependencyUnavailable")
    assert only_a_log_row(api)
    assert api.hub.started == []


def only_a_log_row(api: Api) -> bool:
    (partition,) = api.world.store.everything
    (key,) = api.world.store.partition(partition)
    return partition == keys.tenant_partition(TENANT) and key.startswith("log-")


async def test_every_attempt_leaves_one_log_row_however_it_ended(api: Api) -> None:
    environment = await api.ready(stage="prod")
    partition = keys.partition_of(TENANT, environment.environment_id)

    async def told(expected: tuple[str, Outcome, str | None], **more: object) -> None:
        before = {entry.entry_id for entry in api.rows()}
        api.world.time.passes(seconds=1)
        await api.label(environment, **more)  # type: ignore[arg-type]
        (entry,) = [entry for entry in api.rows() if entry.entry_id not in before]
        where = "environment" if entry in api.world.log(partition) else "tenant"
        assert (where, entry.outcome, entry.code) == expected
        assert (entry.actor, entry.client_id) == ("ada", "control-plane")

    await told(("environment", Outcome.ALLOWED, None), idempotency_key="k-1")
    await told(("environment", Outcome.REPLAYED, None), idempotency_key="k-1")
    await told(("environment", Outcome.FAILED, "IdempotencyKeyReused"), label="other", idempotency_key="k-1")
    await told(("environment", Outcome.FAILED, "PreconditionFailed"), if_match='"stale"')
    api.policy.denies()
    await told(("environment", Outcome.DENIED, "PolicyDenied"))
    await told(("environment", Outcome.DENIED, "InsufficientScope"), token=f"{TENANT}:{READ}")


async def test_an_attempt_on_another_tenants_environment_is_told_in_ones_own_log_alone(api: Api) -> None:
    foreign = await api.ready(tenantId="other")
    before = api.world.store.partition(keys.partition_of("other", foreign.environment_id))
    body = {"tenantId": TENANT, "label": "mine"}
    await api.ask("POST", f"/environments/{foreign.environment_id}/label", body, token=f"{TENANT}:{READ}")
    await api.ask("POST", f"/environments/{foreign.environment_id}/label", body)
    assert api.world.store.partition(keys.partition_of("other", foreign.environment_id)) == before
    assert [entry.code for entry in api.world.log(keys.tenant_partition(TENANT))] == ["InsufficientScope", "NotFound"]


async def test_a_store_that_cannot_log_does_not_hide_why_it_failed(api: Api) -> None:
    environment = await api.ready()
    api.world.store.down = True
    answer = await api.label(environment)
    assert (answer.status, document(answer)["code"]) == (503, "DependencyUnavailable")
