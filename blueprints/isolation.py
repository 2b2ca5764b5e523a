"""/isolation: what the isolation probe last found."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http.call import Found, Reading
from shared.runtime.environments.intactness import IsolationReport

ANY_READ = ("runtime.environments.read", "runtime.deployments.read", "runtime.health.read", "runtime.drift.read")


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint("GET", "/isolation", scope=ANY_READ, action="isolation.get", answers={200: IsolationReport})
    async def get_isolation(call: Reading) -> Found:
        return Found((await app().intactness.report()).document())
