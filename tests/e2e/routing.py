"""The app's own route table, as data for tests that sweep over every route."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.e2e.driving import ENVIRONMENT, component

PREFIX = "/v1/runtime"
Make = Callable[[str, str], dict[str, Any]]
"""(tenant id, environment id) -> a body that the route takes."""

BODIES: Mapping[str, Make] = {
    "/environments": lambda tenant_id, _: {**ENVIRONMENT, "tenantId": tenant_id, "name": "swept"},
    "/deployments": lambda tenant_id, environment_id: {
        "tenantId": tenant_id,
        "environmentId": environment_id,
        "releaseRef": "release-1",
        "components": [component()],
    },
    "/configurations": lambda tenant_id, environment_id: {
        "tenantId": tenant_id,
        "environmentId": environment_id,
        "values": {"LOG_LEVEL": "info"},
    },
    "/secret-bindings": lambda tenant_id, environment_id: {
        "tenantId": tenant_id,
        "environmentId": environment_id,
        "serviceId": "module-reservations-api",
        "vaultUri": "https://somebodys.vault.azure.net",
        "secrets": [{"name": "DB", "secretName": "db"}],
    },
    "/scaling-policies": lambda tenant_id, environment_id: {
        "tenantId": tenant_id,
        "environmentId": environment_id,
        "serviceId": "module-reservations-api",
        "target": "aks",
        "metric": "cpu",
        "minReplicas": 1,
        "maxReplicas": 5,
        "targetUtilizationPercent": 65,
        "scaleToZero": False,
    },
}


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # relative to /v1/runtime
    scopes: tuple[str, ...]
    lists_environment: bool  # reads the query parameter environmentId

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameter(self) -> str:
        """The name of the first parameter; empty where there is none."""
        found = re.search(r"\{([a-zA-Z]+)\}", self.path)
        return found[1] if found else ""

    def body(self, tenant_id: str, environment_id: str) -> dict[str, Any]:
        """A body that the route takes; empty for an action."""
        return BODIES[self.path](tenant_id, environment_id) if self.path in BODIES else {}

    def at(self, ident: str) -> str:
        """The whole path, with `ident` in the place of every parameter."""
        return PREFIX + re.sub(r"\{[a-zA-Z]+\}", lambda _: ident, self.path)


@cache
def routes() -> tuple[Route, ...]:
    """Every route that wants a scope."""
    from function_app import endpoints

    return tuple(
        Route(one.method, one.path, one.scopes, "environmentId" in one.query)
        for one in endpoints.table
        if one.scopes is not None and not one.absolute
    )


def reading() -> list[Route]:
    return [route for route in routes() if route.method == "GET"]


def mutating() -> list[Route]:
    return [route for route in routes() if route.method != "GET"]


def parametrised() -> list[Route]:
    return [route for route in routes() if route.parameter]
