"""Of two faults in one request the earlier check answers: path, token, tenant, scope, environment, request, governance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.http.message import Response
from shared.runtime.environments.model import Environment
from tests.unit.operations.world import TENANT
from tests.unit.pipeline.api import READ, WRITE, Api, document

OTHER = {"tenantId": "other", "label": "x"}
OWN = {"tenantId": TENANT, "label": "x"}
UNKNOWN_FIELD = OWN | {"more": 1}
WRONG_TYPE = {"tenantId": TENANT, "label": 5}
NO_SCOPE = f"{TENANT}:{READ}"
STALE = {"if_match": '"stale"'}
TWICE = b'{"tenantId":"connectsoft","label":"x","label":"y"}'


@dataclass(frozen=True)
class Case:
    status: int
    code: str
    body: Any = field(default_factory=lambda: OWN)
    path: str = "/environments/{own}/label"
    more: dict[str, Any] = field(default_factory=dict)
    denied: bool = False
    down: bool = False
    suspended: bool = False


CASES = {
    "unknown path, no token": Case(404, "NotFound", path="/nothing", more={"token": None}),
    "other version, no token": Case(404, "UnsupportedApiVersion", path="/v2/runtime/environments", more={"token": None}),
    "wrong method, no token": Case(405, "MethodNotAllowed", path="/configurations/x", more={"token": None}),
    "no token, other tenant": Case(401, "InvalidToken", OTHER, more={"token": None}),
    "bad token, malformed body": Case(401, "InvalidToken", b"{", more={"token": "bad"}),
    "other tenant, no scope": Case(403, "TenantMismatch", OTHER, more={"token": NO_SCOPE}),
    "other tenant, foreign environment": Case(403, "TenantMismatch", OTHER, path="/environments/{foreign}/label"),
    "other tenant, unknown field": Case(403, "TenantMismatch", OTHER | {"more": 1}),
    "no scope, malformed body": Case(403, "InsufficientScope", b"{", more={"token": NO_SCOPE}),
    "no scope, huge body": Case(403, "InsufficientScope", b" " * 300_000, more={"token": NO_SCOPE}),
    "no scope, foreign environment": Case(
        403, "InsufficientScope", path="/environments/{foreign}/label", more={"token": NO_SCOPE}
    ),
    "no scope, unknown query": Case(
        403, "InsufficientScope", path="/environments/{own}/label?x=1", more={"token": NO_SCOPE}
    ),
    "no scope, malformed key": Case(403, "InsufficientScope", more={"token": NO_SCOPE, "idempotency_key": "ä"}),
    "foreign environment, unknown field": Case(404, "NotFound", UNKNOWN_FIELD, path="/environments/{foreign}/label"),
    "foreign environment, unknown query": Case(404, "NotFound", path="/environments/{foreign}/label?x=1"),
    "foreign environment, stale If-Match": Case(404, "NotFound", path="/environments/{foreign}/label", more=STALE),
    "foreign environment, denied": Case(404, "NotFound", path="/environments/{foreign}/label", denied=True),
    "suspended, unknown field": Case(403, "TenantSuspended", UNKNOWN_FIELD, suspended=True),
    "suspended, unknown query": Case(403, "TenantSuspended", path="/environments/{own}/label?x=1", suspended=True),
    "suspended, stale If-Match": Case(403, "TenantSuspended", more=STALE, suspended=True),
    "suspended, denied": Case(403, "TenantSuspended", suspended=True, denied=True),
    "unknown query, unknown field": Case(400, "MalformedRequest", UNKNOWN_FIELD, path="/environments/{own}/label?x=1"),
    "unknown field, stale If-Match": Case(400, "MalformedRequest", UNKNOWN_FIELD, more=STALE),
    "unknown field, denied": Case(400, "MalformedRequest", UNKNOWN_FIELD, denied=True),
    "wrong type, policy down": Case(400, "MalformedRequest", WRONG_TYPE, down=True),
    "member twice, denied": Case(400, "MalformedRequest", TWICE, denied=True),
    "unknown query, denied": Case(400, "MalformedRequest", path="/environments/{own}/label?x=1", denied=True),
    "stale If-Match, denied": Case(412, "PreconditionFailed", more=STALE, denied=True),
    "denied": Case(403, "PolicyDenied", denied=True),
    "policy down": Case(503, "DependencyUnavailable", down=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_the_earlier_fault_answers(api: Api, case: Case) -> None:
    own = await api.ready(stage="prod")
    foreign = await api.ready(stage="prod", tenantId="other")
    if case.suspended:
        await api.rewrite(own, "binding", status="Suspended")
    if case.denied:
        api.policy.denies()
    api.policy.down = case.down
    rows = len(api.rows())
    path = case.path.format(own=own.environment_id, foreign=foreign.environment_id)
    answer = await api.ask("POST", path, case.body, absolute=path.startswith("/v2"), **case.more)
    assert (answer.status, document(answer)["code"]) == (case.status, case.code)
    asked = case.code in ("PolicyDenied",)
    assert len(api.policy.asked) == asked, "governance is asked last"
    before_anybody = case.status in (401, 405) or case.path in ("/nothing", "/v2/runtime/environments")
    assert len(api.rows()) - rows == (0 if before_anybody else 1), "one log row per authenticated attempt"


Asked = Callable[[Api, Environment, str], Awaitable[Response]]


async def reads(api: Api, environment: Environment, ident: str) -> Response:
    return await api.ask("GET", f"/environments/{ident}")


async def changes(api: Api, environment: Environment, ident: str) -> Response:
    return await api.ask("POST", f"/environments/{ident}/label", OWN)


async def publishes(api: Api, environment: Environment, ident: str) -> Response:
    return await api.ask("POST", "/configurations", {"tenantId": TENANT, "environmentId": ident, "values": {"A": "b"}})


async def follows(api: Api, environment: Environment, ident: str) -> Response:
    own = ident.removeprefix("env-")
    return await api.ask("GET", f"/operations/op-{own}{environment.environment_id.removeprefix('env-')}")


@pytest.mark.parametrize("asked", [reads, changes, publishes, follows])
async def test_another_tenants_is_answered_like_what_does_not_exist_byte_by_byte(api: Api, asked: Asked) -> None:
    foreign = await api.ready(tenantId="other")
    one, other = await asked(api, foreign, foreign.environment_id), await asked(api, foreign, "env-ffffffffffffffff")
    assert one.status == other.status == 404
    assert one.headers == other.headers
    alike = [
        {name: value for name, value in document(answer).items() if name not in ("traceId", "instance")}
        for answer in (one, other)
    ]
    assert alike[0] == alike[1]
    assert list(document(one)) == list(document(other)), "in the same order, too"


async def test_what_does_not_name_its_environment_is_malformed_and_not_unknown(api: Api) -> None:
    answer = await api.ask("POST", "/configurations", {"tenantId": TENANT, "values": {"A": "b"}})
    assert (answer.status, document(answer)["code"]) == (400, "MalformedRequest")
    assert "environmentId" in document(answer)["errors"]
    answer = await api.ask("POST", "/configurations", {"tenantId": TENANT, "environmentId": 5, "values": {"A": "b"}})
    assert (answer.status, "environmentId" in document(answer)["errors"]) == (400, True)
    answer = await api.ask(
        "POST", "/configurations", {"tenantId": TENANT, "environmentId": "nonsense", "values": {"A": "b"}}
    )
    assert answer.status == 404


async def test_a_path_that_cannot_be_an_id_is_unknown(api: Api) -> None:
    for ident in ("A", "env|x", "a%2Fb", "a%23"):
        assert (await api.ask("GET", f"/environments/{ident}")).status == 404
        assert (await api.ask("POST", f"/environments/{ident}/label", OWN)).status == 404


async def test_a_path_leads_only_to_the_environment_it_spells(api: Api) -> None:
    environment = await api.ready()
    inside = "dep-" + environment.environment_id.removeprefix("env-") * 2
    assert (await api.ask("POST", f"/environments/{inside}/label", OWN)).status == 404


async def test_a_token_of_another_scope_learns_only_which_it_needs(api: Api) -> None:
    answer = await api.ask("POST", "/environments", {"tenantId": TENANT}, token=NO_SCOPE)
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="runtime", error="insufficient_scope", scope="{WRITE}"'


async def test_no_token_is_challenged_without_an_error_code_and_a_bad_one_with(api: Api) -> None:
    assert (await api.ask("GET", "/environments", token=None)).headers["WWW-Authenticate"] == 'Bearer realm="runtime"'
    assert 'error="invalid_token"' in (await api.ask("GET", "/environments", token="bad")).headers["WWW-Authenticate"]
