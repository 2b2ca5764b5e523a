"""/secret-bindings: references to secrets, never values."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http import query
from shared.http.call import Found, Listing, Mutation, Reading
from shared.http.routes import Page
from shared.kernel.errors import EnvironmentNotReady
from shared.operations.intent import Answer
from shared.runtime.secrets.model import BindRequest, Bound, SecretBinding

WRITE = "runtime.secrets.write"
READ = (WRITE, "runtime.environments.read")


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "POST",
        "/secret-bindings",
        scope=WRITE,
        action="secret-bindings.bind",
        governed=True,
        answers={201: Bound},
        raises=(EnvironmentNotReady,),
    )
    async def bind_secrets(call: Mutation, body: BindRequest) -> Answer:
        return await app().binding.bind(call.intent, call.environment, body)

    @at.endpoint(
        "GET",
        "/secret-bindings/{secretBindingId}",
        scope=READ,
        action="secret-bindings.get",
        answers={200: SecretBinding},
    )
    async def get_secret_binding(call: Reading) -> Found:
        found = await app().bindings.get(call.caller, call.params["secretBindingId"])
        return Found(found.document())

    @at.endpoint(
        "GET",
        "/secret-bindings",
        scope=READ,
        action="secret-bindings.list",
        answers=Page("secretBindings", SecretBinding),
        reads=query.PAGED_IN_ENVIRONMENT,
    )
    async def list_secret_bindings(call: Reading) -> Listing:
        environment_id, limit = query.environment_page(call.query)
        found, after = await app().bindings.page(call.caller, environment_id, limit, call.after)
        return Listing([one.document() for one in found], after)
