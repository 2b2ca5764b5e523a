"""/secret-bindings: references to secrets, never values."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http import query
from shared.http.call import Found, Listing, Mutation, Reading
from shared.http.routes import Page
from shared.kernel.errors import EnvironmentNotReady, OperationInFlight
from shared.operations.intent import Answer, ReasonRequest
from shared.runtime.secrets.model import BindingState, BindRequest, Bound

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
        answers={200: BindingState},
    )
    async def get_secret_binding(call: Reading) -> Found:
        found = await app().binding_reader.get(call.caller, call.params["secretBindingId"])
        return Found(found.document())

    @at.endpoint(
        "GET",
        "/secret-bindings",
        scope=READ,
        action="secret-bindings.list",
        answers=Page("secretBindings", BindingState),
        reads=query.PAGED_IN_ENVIRONMENT,
    )
    async def list_secret_bindings(call: Reading) -> Listing:
        environment_id, limit = query.environment_page(call.query)
        found, after = await app().binding_reader.page(call.caller, environment_id, limit, call.after)
        return Listing([one.document() for one in found], after)

    @at.endpoint(
        "POST",
        "/secret-bindings/{secretBindingId}/rotate",
        scope=WRITE,
        action="secret-bindings.rotate",
        governed=True,
        answers={202: Bound},
        raises=(EnvironmentNotReady, OperationInFlight),
    )
    async def rotate_secrets(call: Mutation, body: ReasonRequest) -> Answer:
        ident = call.params["secretBindingId"]
        return await app().rotations.rotate(call.intent, call.environment, ident, body.reason)
