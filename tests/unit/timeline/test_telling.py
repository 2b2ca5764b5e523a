"""Attempts that changed nothing: their sentences, and in whose timeline they stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.access.caller import Caller
from shared.access.governance import ReceiptRefused
from shared.events.journal import Entry, Outcome
from shared.http.mutating import Attempt, Mutating
from shared.http.problem import problem_of
from shared.http.routes import Match, Route
from shared.http.telling import kind_of, summary
from shared.kernel import errors
from shared.runtime.timeline.reading import Filter, Timeline
from shared.store import keys
from tests.unit.doubles.world import CALLER, TENANT, World, owned

AT = datetime(2026, 6, 11, tzinfo=UTC)
ENV = "env-00000000000000aa"


@pytest.mark.parametrize(
    ("action", "ended", "kind"),
    [
        ("deployments.deploy", "Denied", "deployment.deploy-denied"),
        ("environments.provision", "Failed", "environment.provision-failed"),
        ("environments.release-hold", "Failed", "environment.release-hold-failed"),
        ("scaling-policies.apply", "Replayed", "scaling-policy.apply-replayed"),
        ("secret-bindings.rotate", "Denied", "secret-binding.rotate-denied"),
        ("drift.acknowledge", "Denied", "drift.acknowledge-denied"),
    ],
)
def test_an_attempt_is_in_the_group_of_what_it_would_have_made(action: str, ended: str, kind: str) -> None:
    assert kind_of(action, ended) == kind


@pytest.mark.parametrize(
    ("action", "resource", "error", "sentence"),
    [
        (
            "deployments.deploy",
            ENV,
            errors.PolicyDenied("dec-1", ["change-freeze", "no-approver"], {}),
            f"deploy on {ENV} was denied: PolicyDenied (change-freeze, no-approver)",
        ),
        (
            "deployments.deploy",
            ENV,
            errors.PolicyDenied("dec-1", [], {"approval": "cab"}),
            f"deploy on {ENV} was denied: PolicyApprovalRequired",
        ),
        (
            "configurations.publish",
            ENV,
            errors.InsufficientScope("runtime.configurations.write"),
            f"publish configuration on {ENV} was denied: InsufficientScope (needs runtime.configurations.write)",
        ),
        (
            "secret-bindings.bind",
            ENV,
            errors.ValidationFailed({"secrets[0]": ["the value hunter2 is not"], "vaultUri": ["no"]}),
            f"bind secret binding on {ENV} failed: ValidationFailed (secrets[0], vaultUri)",
        ),
        (
            "deployments.rollback",
            "dep-1",
            errors.OperationInFlight("op-1", AT),
            "rollback deployment on dep-1 failed: OperationInFlight (op-1 holds the environment)",
        ),
        (
            "environments.provision",
            "/environments",
            errors.NameTaken("shop-prod"),
            "provision environment failed: NameTaken (shop-prod)",
        ),
        (
            "environments.decommission",
            ENV,
            errors.Transient("policy"),
            f"decommission environment on {ENV} failed: DependencyUnavailable (policy could not be asked)",
        ),
        (
            "deployments.promote",
            "dep-1",
            ReceiptRefused("Expired", "dec-1"),
            "promote deployment on dep-1 was denied: PolicyDenied (Expired)",
        ),
        ("deployments.deploy", ENV, RuntimeError("a secret of the stack"), f"deploy on {ENV} failed: InternalError"),
    ],
)
def test_a_refusal_says_what_was_tried_how_it_ended_and_why(
    action: str, resource: str, error: Exception, sentence: str
) -> None:
    problem = problem_of(error)
    outcome = Outcome.DENIED if problem.status == 403 else Outcome.FAILED
    assert summary(action, resource, outcome, problem.code, error) == sentence


def test_a_replay_is_shown_as_one() -> None:
    told = summary("deployments.deploy", ENV, Outcome.REPLAYED)
    assert told == f"deploy on {ENV} was replayed: the same key and request, answered as before"


def test_a_sentence_stays_short_and_printable_whatever_a_caller_sends() -> None:
    names = {f"field-{number}\n" + "x" * 500: ["no"] for number in range(300)}
    told = summary("deployments.deploy", "y" * 128, Outcome.FAILED, "MalformedRequest", errors.MalformedRequest(names))
    assert len(told) < 600
    assert told.isprintable()
    assert told.endswith(" and 295 more)")


async def nothing(*_: Any) -> None:
    raise AssertionError("the attempt was refused before its use case")


def attempted(world: World, method: str, path: str, action: str, caller: Caller = CALLER, **params: str) -> Attempt:
    route = Route(method, path, ("runtime.deployments.write",), False, action, nothing)
    parts = Mutating(world.isolation, None, world.journal, world.draw, b"key")  # type: ignore[arg-type]
    return parts.attempt(caller, Match(route, params))


async def told(world: World) -> list[dict[str, Any]]:
    return (await Timeline(world.store).page(CALLER, world.environment_id, Filter(), 50, "")).entries


async def told_to_the_tenant(world: World, tenant_id: str = TENANT) -> list[Entry]:
    rows = await world.store.list(keys.tenant_partition(tenant_id), "log-", limit=50)
    return [Entry.read(row.document) for row in rows]


async def test_who_lacked_the_scope_stands_in_the_timeline_of_the_environment_that_was_meant(world: World) -> None:
    attempt = attempted(world, "POST", "/deployments", "deployments.deploy")
    attempt.document = owned({"releaseRef": "release-1"})
    await attempt.record(errors.InsufficientScope("runtime.deployments.write"))
    [entry] = await told(world)
    assert entry["kind"] == "deployment.deploy-denied"
    assert entry["resource"] == ENV
    assert entry["summary"] == f"deploy on {ENV} was denied: InsufficientScope (needs runtime.deployments.write)"
    assert await told_to_the_tenant(world) == []


async def test_a_refused_action_on_a_resource_stands_in_its_environments_timeline(world: World) -> None:
    ident = "dep-00000000000000aa00000000000000d1"
    attempt = attempted(world, "POST", "/deployments/{deploymentId}/rollback", "deployments.rollback", deploymentId=ident)
    await attempt.record(errors.PolicyDenied("dec-1", ["change-freeze"], {}))
    [entry] = await told(world)
    assert (entry["resource"], entry["decisionId"]) == (ident, "dec-1")
    assert entry["summary"] == f"rollback deployment on {ident} was denied: PolicyDenied (change-freeze)"


async def test_a_refused_receipt_names_its_decision(world: World) -> None:
    attempt = attempted(world, "POST", "/deployments", "deployments.deploy")
    attempt.document = owned({})
    await attempt.record(ReceiptRefused("Expired", "dec-1"))
    [entry] = await told(world)
    assert (entry["kind"], entry["decisionId"]) == ("deployment.deploy-denied", "dec-1")


@pytest.mark.parametrize("named", [None, "", "env-00000000000000ff", "dep-00000000000000aa00000000000000d1", 7])
async def test_what_names_no_environment_of_the_tenant_is_told_to_the_tenant_alone(world: World, named: object) -> None:
    attempt = attempted(world, "POST", "/deployments", "deployments.deploy")
    attempt.document = {"environmentId": named}
    await attempt.record(errors.InsufficientScope("runtime.deployments.write"))
    assert await told(world) == []
    [entry] = await told_to_the_tenant(world)
    assert entry.resource == "/deployments"
    assert entry.summary == "deploy was denied: InsufficientScope (needs runtime.deployments.write)"


async def test_nobody_writes_into_another_tenants_timeline(world: World) -> None:
    attempt = attempted(world, "POST", "/deployments", "deployments.deploy", replace(CALLER, tenant_id="other"))
    attempt.document = owned({})
    await attempt.record(errors.TenantMismatch())
    assert await told(world) == []
    assert [entry.code for entry in await told_to_the_tenant(world, "other")] == ["TenantMismatch"]


async def test_a_path_that_holds_no_id_is_recorded_as_it_was_and_cut(world: World) -> None:
    attempt = attempted(
        world, "POST", "/deployments/{deploymentId}/rollback", "deployments.rollback", deploymentId="No Id " * 100
    )
    await attempt.record(errors.InsufficientScope("runtime.deployments.write"))
    [entry] = await told_to_the_tenant(world)
    assert len(entry.resource) == 128
