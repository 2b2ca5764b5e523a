"""/alive and /health: whether this process lives, and whether it can serve. Open to all; no detail leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http.call import Plain
from shared.kernel.record import Record
from shared.kernel.settings import BadSettings

Word = Literal["Healthy", "Unhealthy"]


class Liveness(Record):
    status: Literal["Healthy"] = "Healthy"


class Dependency(Record):
    name: str
    status: Word


class Readiness(Record):
    """`settings`: what is missing or wrong of them, and then nothing else could be looked at."""

    status: Word
    checks: list[Dependency] | None = None
    settings: list[str] | None = None


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint("GET", "/alive", scope=None, action="probes.alive", answers={200: Liveness}, absolute=True)
    async def alive() -> Plain:
        return Plain(200, Liveness().document())

    @at.endpoint(
        "GET", "/health", scope=None, action="probes.ready", answers={200: Readiness, 503: Readiness}, absolute=True
    )
    async def health() -> Plain:
        try:
            answers = await app().ready()
        except BadSettings as bad:
            return Plain(503, Readiness(status="Unhealthy", settings=bad.problems).document())
        checks = [Dependency(name=name, status=_word(well)) for name, well in answers.items()]
        well = all(answers.values())
        return Plain(200 if well else 503, Readiness(status=_word(well), checks=checks).document())


def _word(well: bool) -> Word:
    return "Healthy" if well else "Unhealthy"
