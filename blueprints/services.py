"""/services: the latest health of what runs."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http import query
from shared.http.call import Found, Reading
from shared.runtime.health.views import ServiceHealthState


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "GET",
        "/services/{serviceId}/health",
        scope="runtime.health.read",
        action="services.health",
        answers={200: ServiceHealthState},
        reads={"environmentId": query.text},
    )
    async def get_service_health(call: Reading) -> Found:
        environment_id = call.query.get("environmentId")
        return Found(await app().inventory.service_health(call.caller, call.params["serviceId"], environment_id))
