"""/drift: what differs between what is wanted and what is, and what people decide about it."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http import query
from shared.http.call import Found, Listing, Mutation, Reading
from shared.http.routes import Page
from shared.kernel.errors import (
    AttemptsExhausted,
    EnvironmentNotReady,
    OnHold,
    OperationInFlight,
    TransitionRefused,
)
from shared.operations.intent import Answer, ReasonRequest
from shared.runtime.drift.deciding import AcceptRequest, AcknowledgeRequest
from shared.runtime.drift.ignoring import RulesReplaced, RulesRequest, RulesState
from shared.runtime.drift.model import Finding, FindingDecided, FindingKind, FindingsOf, FindingStatus, Severity
from shared.runtime.drift.reading import Filters

READ = "runtime.drift.read"
WRITE = "runtime.deployments.write"
FINDING = "/drift/{environmentId}/findings/{findingId}"
RULES = "/drift/{environmentId}/ignore-rules"
FILTERS = {
    "status": query.one_of(FindingStatus),
    "kind": query.one_of(FindingKind),
    "severity": query.one_of(Severity),
    "serviceId": query.text,
}
SAID, BEGUN = {200: FindingDecided}, {202: FindingDecided}
BUSY = (TransitionRefused, EnvironmentNotReady, OperationInFlight)


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    _findings(at, app)
    _said(at, app)
    _begun(at, app)
    _rules(at, app)


def _findings(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "GET",
        "/drift/{environmentId}",
        scope=READ,
        action="drift.list",
        answers=Page("findings", Finding, FindingsOf),
        reads={**query.PAGED, **FILTERS},
    )
    async def list_drift(call: Reading) -> Listing:
        environment_id, limit = call.params["environmentId"], call.query.get("limit", query.DEFAULT_LIMIT)
        filters = Filters(*(call.query.get(name) for name in FILTERS))
        page = await app().drift_reader.findings(call.caller, environment_id, filters, limit, call.after)
        members = FindingsOf(environment_id=environment_id, last_scan=page.last_scan).document()
        return Listing(page.findings, page.after, members)


def _said(at: Endpoints, app: Callable[[], Container]) -> None:
    """Decisions that change the finding alone."""

    @at.endpoint(
        "POST",
        f"{FINDING}/acknowledge",
        scope=WRITE,
        action="drift.acknowledge",
        governed=True,
        answers=SAID,
        raises=(TransitionRefused,),
    )
    async def acknowledge_finding(call: Mutation, body: AcknowledgeRequest) -> Answer:
        return await app().deciding.acknowledge(call.intent, call.environment, call.params["findingId"], body)

    @at.endpoint(
        "POST",
        f"{FINDING}/accept",
        scope=WRITE,
        action="drift.accept",
        governed=True,
        answers=SAID,
        raises=(TransitionRefused,),
    )
    async def accept_finding(call: Mutation, body: AcceptRequest) -> Answer:
        return await app().deciding.accept(call.intent, call.environment, call.params["findingId"], body)


def _begun(at: Endpoints, app: Callable[[], Container]) -> None:
    """Decisions that begin an operation."""

    @at.endpoint(
        "POST",
        f"{FINDING}/adopt",
        scope=WRITE,
        action="drift.adopt",
        governed=True,
        answers=BEGUN,
        raises=BUSY,
    )
    async def adopt_finding(call: Mutation, body: ReasonRequest) -> Answer:
        return await app().deciding.adopt(call.intent, call.environment, call.params["findingId"], body)

    @at.endpoint(
        "POST",
        f"{FINDING}/remediate",
        scope=WRITE,
        action="drift.remediate",
        governed=True,
        answers=BEGUN,
        raises=(*BUSY, OnHold, AttemptsExhausted),
    )
    async def remediate_finding(call: Mutation, body: ReasonRequest) -> Answer:
        return await app().deciding.remediate(call.intent, call.environment, call.params["findingId"], body)


def _rules(at: Endpoints, app: Callable[[], Container]) -> None:
    """What is left out."""

    @at.endpoint("GET", RULES, scope=READ, action="drift.rules", answers={200: RulesState})
    async def get_ignore_rules(call: Reading) -> Found:
        return Found(await app().ruling.rules(call.caller, call.params["environmentId"]))

    @at.endpoint("PUT", RULES, scope=WRITE, action="drift.replace-rules", governed=True, answers={200: RulesReplaced})
    async def replace_ignore_rules(call: Mutation, body: RulesRequest) -> Answer:
        return await app().ruling.replace(call.intent, call.environment, body)
