"""/configurations: published once, never changed."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http import query
from shared.http.call import Found, Listing, Mutation, Reading
from shared.http.routes import Page
from shared.kernel.errors import EnvironmentNotReady
from shared.operations.intent import Answer
from shared.runtime.configurations.model import Configuration, Published, PublishRequest

WRITE = "runtime.configurations.write"
READ = (WRITE, "runtime.environments.read")


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "POST",
        "/configurations",
        scope=WRITE,
        action="configurations.publish",
        answers={201: Published},
        raises=(EnvironmentNotReady,),
    )
    async def publish_configuration(call: Mutation, body: PublishRequest) -> Answer:
        return await app().publishing.publish(call.intent, call.environment, body)

    @at.endpoint(
        "GET",
        "/configurations/{configurationId}",
        scope=READ,
        action="configurations.get",
        answers={200: Configuration},
    )
    async def get_configuration(call: Reading) -> Found:
        found = await app().configurations.get(call.caller, call.params["configurationId"])
        return Found(found.document())

    @at.endpoint(
        "GET",
        "/configurations",
        scope=READ,
        action="configurations.list",
        answers=Page("configurations", Configuration),
        reads=query.PAGED_IN_ENVIRONMENT,
    )
    async def list_configurations(call: Reading) -> Listing:
        environment_id, limit = query.environment_page(call.query)
        found, after = await app().configurations.page(call.caller, environment_id, limit, call.after)
        return Listing([one.document() for one in found], after)
