"""/v1/runtime/openapi.json: the contract for machines, open to all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http.call import Kept


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    made: list[Kept] = []

    @at.endpoint("GET", "/openapi.json", scope=None, action="contract.openapi", answers={200: dict[str, Any]})
    async def read_openapi() -> Kept:
        if not made:
            from shared.http.openapi.description import kept  # most processes are never asked

            made.append(kept(at.table, app().settings.identity.issuer))
        return made[0]
