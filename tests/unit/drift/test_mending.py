"""The remedy of an environment's infrastructure is another run of its engine, as an operation; it has no adoption."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.kernel.clock import draw, now
from shared.kernel.errors import Refused
from shared.runtime.drift.deciding import MOST_ATTEMPTS
from shared.runtime.environments.looking import Allowance, Deps, look_environment
from tests.unit.doubles.world import image
from tests.unit.drift.drifted import Drifted


async def mismatch(drifted: Drifted) -> dict[str, Any]:
    await drifted.look("KeyVault")
    finding = await drifted.finding()
    assert (finding["kind"], finding["actual"]) == ("InfrastructureMismatch", "KeyVault: changed (sku)")
    return finding


async def operation_of(drifted: Drifted, told: dict[str, Any]) -> dict[str, Any]:
    ident = told["headers"]["Operation-Location"].rpartition("/")[2]
    return await drifted.platform.send("GET", f"/operations/{ident}")


async def looks_due(drifted: Drifted, later: timedelta = timedelta(hours=2)) -> list[str]:
    """The environments of which a sweep would have the engine look now."""
    platform, asked = drifted.platform, list[str]()

    async def inspect(_tenant: str, environment_id: str) -> None:
        asked.append(environment_id)

    day, at = timedelta(days=1), now() + later
    deps = Deps(platform.store, platform.isolation, inspect, day, lambda: at, draw)
    await look_environment(deps, drifted.place, Allowance())
    return asked


async def test_the_engine_makes_it_again_and_the_next_look_says_whether_that_helped(drifted: Drifted) -> None:
    finding = await mismatch(drifted)
    assert await looks_due(drifted) == [], "one was there just now"
    assert await looks_due(drifted, timedelta(days=2)) == [drifted.ident]
    told = await drifted.decide(finding, "remediate", reason="not ours")
    assert (told["httpStatus"], told["status"], told["attempts"]) == (202, "Remediating", 1)
    assert "deploymentId" not in told, "nothing is rolled out"
    assert told["headers"]["Location"].endswith(f"/environments/{drifted.ident}")
    begun = await operation_of(drifted, told)
    assert (begun["kind"], begun["resourceLocation"]) == ("RemediateDrift", f"/v1/runtime/environments/{drifted.ident}")
    assert (await drifted.environment())["status"] == "Provisioned", "it goes on working meanwhile"
    await drifted.platform.settle()

    ended = await operation_of(drifted, told)
    assert ended["status"] == "Succeeded", ended
    assert [(step["name"], step["status"]) for step in ended["steps"]] == [("KeyVault", "Succeeded")]
    assert [(word, operation) for word, _, operation in drifted.platform.jobs.engine.done[1:]] == [
        ("made", ended["operationId"])
    ]
    assert drifted.platform.jobs.engine.mended == [ended["operationId"]]
    assert (await drifted.finding())["status"] == "Remediating", "the old look tells of another state"
    assert await looks_due(drifted) == [drifted.ident], "the next one does not wait for its hour"
    await drifted.look()
    assert await drifted.scan() == []
    [resolved] = await drifted.findings("?status=Resolved")
    assert resolved["findingId"] == finding["findingId"]
    told_of = [one["summary"] for one in await drifted.timeline() if one["kind"].startswith("environment.mend")]
    assert told_of == [f"mending the infrastructure of orders-dev {word}" for word in ("succeeded", "began")]


async def test_what_did_not_help_reopens_and_is_tried_only_so_often(drifted: Drifted) -> None:
    finding = await mismatch(drifted)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        await drifted.done(finding, "remediate")
        await drifted.look("KeyVault")
        finding = await drifted.finding()
        assert (finding["status"], finding["attempts"]) == ("Reopened", attempt)
    over = await drifted.decide(finding, "remediate")
    assert (over["httpStatus"], over["code"]) == (409, "AttemptsExhausted")


async def test_an_engine_that_fails_leaves_the_environment_as_it_is_and_can_be_tried_again(drifted: Drifted) -> None:
    finding, platform = await mismatch(drifted), drifted.platform
    before = await drifted.environment()
    platform.jobs.engine.errors.append(Refused("arm", "QuotaExceeded", "no cores"))
    told = await drifted.done(finding, "remediate", reason="not ours")
    failed = await operation_of(drifted, told)
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "QuotaExceeded")
    after = await drifted.environment()
    assert (after["status"], after["outputs"]) == ("Provisioned", before["outputs"])
    assert "activeOperationId" not in after
    await drifted.look("KeyVault")
    await drifted.finding()
    again = await platform.send("POST", f"/operations/{failed['operationId']}/retry", {})
    assert (again["retryOf"], again["kind"]) == (failed["operationId"], "RemediateDrift")
    await platform.settle()
    assert (await platform.send("GET", f"/operations/{again['operationId']}"))["status"] == "Succeeded"
    await drifted.look()
    assert await drifted.scan() == []


async def test_one_that_is_cancelled_stops_its_engine_and_frees_the_slot(drifted: Drifted) -> None:
    finding, platform = await mismatch(drifted), drifted.platform
    told = await drifted.decide(finding, "remediate")
    operation = (await operation_of(drifted, told))["operationId"]
    await platform.send("POST", f"/operations/{operation}/cancel", {"reason": "not today"})
    await platform.settle()
    assert (await platform.send("GET", f"/operations/{operation}"))["status"] == "Canceled"
    assert platform.jobs.engine.mended == []
    after = await drifted.environment()
    assert (after["status"], after.get("activeOperationId")) == ("Provisioned", None)


async def test_it_holds_the_slot(drifted: Drifted) -> None:
    finding = await mismatch(drifted)
    await drifted.decide(finding, "remediate")
    body = {"tenantId": "connectsoft", "environmentId": drifted.ident, "releaseRef": "r", "components": [COMPONENT]}
    refused = await drifted.platform.ask("POST", "/deployments", body)
    assert refused.status == 409
    assert b"OperationInFlight" in (refused.body or b"")


COMPONENT = {"moduleId": "api", "image": image("api", "3"), "target": "container-apps"}


@pytest.mark.parametrize("dry_run", [False, True], ids=["asked for", "rehearsed"])
async def test_what_was_found_is_not_adopted_and_the_refusal_says_what_to_do(drifted: Drifted, dry_run: bool) -> None:
    finding = await mismatch(drifted)
    told = await drifted.decide(finding, f"adopt{'?dryRun=true' if dry_run else ''}")
    if dry_run:
        assert (told["allowed"], [one["code"] for one in told["obstacles"]]) == (False, ["ValidationFailed"])
        return
    assert (told["httpStatus"], told["code"]) == (422, "ValidationFailed")
    assert told["errors"]["findingId"] == ["the engine's program says so: remediate it, accept it, or change the program"]
    assert (await drifted.finding())["status"] == "Open"
