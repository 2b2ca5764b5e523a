"""What the host sees and what the route table says are one, and both are the contract's."""

from __future__ import annotations

import pytest

from shared.http.routes import Route
from tests.architecture.indexed import FUNCTIONS, ROUTES, bindings

READ, WRITE = "runtime.environments.read", "runtime.environments.write"
DEPLOY, CONFIGURE = "runtime.deployments.write", "runtime.configurations.write"
SECRETS, SCALE = "runtime.secrets.write", "runtime.scaling.write"
DRIFT, INTERNAL = "runtime.drift.read", "runtime.internal"
ANY_OPERATION = {READ, WRITE, DEPLOY, "runtime.deployments.read", SECRETS, SCALE, DRIFT}
ANY_WRITE = {WRITE, DEPLOY, SECRETS, SCALE}
IN_ENVIRONMENT = "/internal/environments/{environmentId}"

# decisions.md, Routes: (method, path) -> scopes, any of which opens it; whether production needs a decision.
CONTRACT: dict[tuple[str, str], tuple[set[str], bool]] = {
    ("POST", "/environments"): ({WRITE}, True),
    ("GET", "/environments/{environmentId}"): ({READ}, False),
    ("GET", "/environments"): ({READ}, False),
    ("POST", "/environments/{environmentId}/decommission"): ({WRITE}, True),
    ("GET", "/environments/{environmentId}/timeline"): ({READ}, False),
    ("POST", "/deployments"): ({DEPLOY}, True),
    ("GET", "/deployments/{deploymentId}"): ({"runtime.deployments.read"}, False),
    ("GET", "/deployments"): ({"runtime.deployments.read"}, False),
    ("POST", "/deployments/{deploymentId}/rollback"): ({DEPLOY}, True),
    ("POST", "/deployments/{deploymentId}/promote"): ({DEPLOY}, True),
    ("POST", "/configurations"): ({CONFIGURE}, False),
    ("GET", "/configurations/{configurationId}"): ({CONFIGURE, READ}, False),
    ("GET", "/configurations"): ({CONFIGURE, READ}, False),
    ("POST", "/secret-bindings"): ({SECRETS}, True),
    ("GET", "/secret-bindings/{secretBindingId}"): ({SECRETS, READ}, False),
    ("GET", "/secret-bindings"): ({SECRETS, READ}, False),
    ("POST", "/secret-bindings/{secretBindingId}/rotate"): ({SECRETS}, True),
    ("GET", "/services/{serviceId}/health"): ({"runtime.health.read"}, False),
    ("POST", "/scaling-policies"): ({SCALE}, True),
    ("GET", "/scaling-policies/{scalingPolicyId}"): ({SCALE, READ}, False),
    ("GET", "/scaling-policies"): ({SCALE, READ}, False),
    ("GET", "/drift/{environmentId}"): ({DRIFT}, False),
    **{
        ("POST", f"/drift/{{environmentId}}/findings/{{findingId}}/{action}"): ({DEPLOY}, True)
        for action in ("acknowledge", "accept", "adopt", "remediate")
    },
    ("GET", "/operations/{operationId}"): (ANY_OPERATION, False),
    ("GET", "/operations"): (ANY_OPERATION, False),
    ("POST", "/operations/{operationId}/cancel"): (ANY_WRITE, False),
    ("POST", "/operations/{operationId}/retry"): (ANY_WRITE, False),
    ("POST", "/environments/{environmentId}/release-hold"): ({DEPLOY}, True),
    ("GET", "/drift/{environmentId}/ignore-rules"): ({DRIFT}, False),
    ("PUT", "/drift/{environmentId}/ignore-rules"): ({DEPLOY}, True),
    ("GET", "/isolation"): ({READ, "runtime.deployments.read", "runtime.health.read", DRIFT}, False),
    ("POST", "/scaling-policies/{scalingPolicyId}/pause"): ({SCALE}, True),
    ("POST", "/scaling-policies/{scalingPolicyId}/resume"): ({SCALE}, True),
    ("PUT", f"{IN_ENVIRONMENT}/services/{{serviceId}}"): ({INTERNAL}, False),
    ("DELETE", f"{IN_ENVIRONMENT}/services/{{serviceId}}"): ({INTERNAL}, False),
    ("POST", f"{IN_ENVIRONMENT}/inventory"): ({INTERNAL}, False),
    **{(method, f"{IN_ENVIRONMENT}/tenant-binding"): ({INTERNAL}, False) for method in ("PUT", "GET", "DELETE")},
    ("POST", f"{IN_ENVIRONMENT}/health-results"): ({INTERNAL}, False),
}
SEED = [
    ("POST", "/environments"),
    ("GET", "/environments/{environmentId}"),
    ("POST", "/deployments"),
    ("GET", "/deployments/{deploymentId}"),
    ("POST", "/configurations"),
    ("POST", "/secret-bindings"),
    ("GET", "/services/{serviceId}/health"),
    ("POST", "/scaling-policies"),
    ("GET", "/drift/{environmentId}"),
]
OPEN = {"/alive", "/health", "/v1/runtime/openapi.json"}
FALLBACK = "zz_fallback"
PAGE = "ui"  # static files: no part of the API, and so not in its table

NAMES = [function.get_function_name() for function in FUNCTIONS]


def hosted() -> dict[str, tuple[str, set[str]]]:
    """Name -> (route, methods) of every HTTP function."""
    found: dict[str, tuple[str, set[str]]] = {}
    for function in FUNCTIONS:
        for binding in bindings(function):
            if binding["type"] == "httpTrigger":
                found[function.get_function_name()] = (binding["route"], {method.value for method in binding["methods"]})
    return found


def test_the_host_serves_every_route_and_no_other() -> None:
    declared = sorted((route.full_path.removeprefix("/"), {route.method}) for route in ROUTES)
    assert sorted(pair for name, pair in hosted().items() if name not in (FALLBACK, PAGE)) == declared


def test_no_route_of_the_host_starts_with_what_the_host_refuses() -> None:
    for route, _ in hosted().values():
        assert route.split("/")[0].casefold() not in ("runtime", "admin")


def test_nobody_needs_a_function_key() -> None:
    levels = {
        binding["authLevel"].value
        for function in FUNCTIONS
        for binding in bindings(function)
        if binding["type"] == "httpTrigger"
    }
    assert levels == {"anonymous"}


def test_the_fallback_is_tried_last_and_takes_everything() -> None:
    assert max(NAMES) == max(NAMES, key=str.casefold) == FALLBACK
    route, methods = hosted()[FALLBACK]
    assert route == "{*path}"
    assert {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} == methods


def test_the_page_has_its_own_paths_and_every_method_so_that_it_can_refuse_them() -> None:
    assert hosted()[PAGE] == ("ui/{*path}", hosted()[FALLBACK][1])
    assert not any(route.full_path.startswith("/ui") for route in ROUTES)


def test_no_two_functions_share_a_name() -> None:
    folded = [name.casefold() for name in NAMES]
    assert sorted(folded) == sorted(set(folded))


def test_every_route_declares_its_scope_and_only_the_open_ones_none() -> None:
    assert {route.full_path for route in ROUTES if route.scopes is None} <= OPEN
    assert {"/alive", "/health"} <= {route.full_path for route in ROUTES if route.scopes is None}
    assert all(route.scopes for route in ROUTES if route.full_path not in OPEN)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_the_contracts(route: Route) -> None:
    if route.full_path in OPEN:
        assert (route.method, route.governed) == ("GET", False)
        return
    assert not route.absolute
    scopes, governed = CONTRACT[route.method, route.path]
    assert set(route.scopes or ()) == scopes
    assert route.governed == governed


def test_the_seeds_nine_are_there() -> None:
    assert set(SEED) <= {(route.method, route.path) for route in ROUTES}


def test_every_action_has_a_name_of_its_own() -> None:
    actions = [route.action for route in ROUTES]
    assert sorted(actions) == sorted(set(actions)), "cursors, keys and decisions are bound to it"
