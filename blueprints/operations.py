"""/operations: follow what a 202 began."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http import query
from shared.http.call import Found, Listing, Mutation, Reading
from shared.http.routes import UNSUSPENDED, Page
from shared.kernel.errors import (
    EnvironmentNotReady,
    NoStableSnapshot,
    NotCancellable,
    NotRetryable,
    OperationInFlight,
    PolicyDenied,
    TargetNotEnabled,
)
from shared.operations.intent import Answer, ReasonRequest
from shared.operations.model import OPEN, WRITE_SCOPE, OperationOutline, OperationState, OperationStatus
from shared.operations.reading import ANY_SCOPE, shown_to

WRITE_SCOPES = tuple(sorted(set(WRITE_SCOPE.values())))
LOOK_AGAIN_AFTER = 2.0  # seconds
Shown = OperationState | OperationOutline  # all of it with a scope of its kind
RETRIED = (  # the kind's own too
    NotRetryable,
    PolicyDenied,
    EnvironmentNotReady,
    OperationInFlight,
    NoStableSnapshot,
    TargetNotEnabled,
)


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint("GET", "/operations/{operationId}", scope=ANY_SCOPE, action="operations.get", answers={200: Shown})
    async def get_operation(call: Reading) -> Found:
        operation = await app().operations.get(call.caller, call.params["operationId"])
        retry_after = LOOK_AGAIN_AFTER if operation.status in OPEN else None
        return Found(shown_to(call.caller, operation), retry_after)

    @at.endpoint(
        "GET",
        "/operations",
        scope=ANY_SCOPE,
        action="operations.list",
        answers=Page("operations", Shown),
        reads={**query.PAGED, "environmentId": query.text, "status": query.one_of(OperationStatus)},
    )
    async def list_operations(call: Reading) -> Listing:
        limit, status = call.query.get("limit", query.DEFAULT_LIMIT), call.query.get("status")
        operations = app().operations
        if "environmentId" in call.query:
            environment_id = call.query["environmentId"]
            page = await operations.of_environment(call.caller, environment_id, status, limit, call.after)
        else:
            page = await operations.of_tenant(call.caller, status, limit, call.after)
        return Listing(page.operations, page.after)

    @at.endpoint(
        "POST",
        "/operations/{operationId}/cancel",
        scope=WRITE_SCOPES,
        action="operations.cancel",
        answers={202: OperationState},
        raises=(NotCancellable,),
        bindings=UNSUSPENDED,
    )
    async def cancel_operation(call: Mutation, body: ReasonRequest) -> Answer:
        place, ident = call.environment.place, call.params["operationId"]
        return await app().cancelling.cancel(call.intent, place, ident, body.reason)

    @at.endpoint(
        "POST",
        "/operations/{operationId}/retry",
        scope=WRITE_SCOPES,
        action="operations.retry",
        answers={202: OperationState},
        raises=RETRIED,
        bindings=UNSUSPENDED,
    )
    async def retry_operation(call: Mutation, body: ReasonRequest) -> Answer:
        return await app().retrying.retry(call.intent, call.environment, call.params["operationId"], body.reason)
