"""/alive and /health: whether this process lives, and whether it can serve. Open to all; no detail leaves."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http.call import Plain
from shared.kernel.settings import BadSettings


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint("GET", "/alive", scope=None, action="probes.alive", absolute=True)
    async def alive() -> Plain:
        return Plain(200, {"status": "Healthy"})

    @at.endpoint("GET", "/health", scope=None, action="probes.ready", absolute=True)
    async def health() -> Plain:
        try:
            answers = await app().ready()
        except BadSettings as bad:
            return Plain(503, {"status": "Unhealthy", "settings": bad.problems})
        checks = [{"name": name, "status": "Healthy" if well else "Unhealthy"} for name, well in answers.items()]
        well = all(answers.values())
        return Plain(200 if well else 503, {"status": "Healthy" if well else "Unhealthy", "checks": checks})
