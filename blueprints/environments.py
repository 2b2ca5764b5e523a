"""/environments and what is read per environment."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.events.journal import TimelineEntry
from shared.http import query
from shared.http.call import Found, Listing, Mutation, Reading
from shared.http.routes import UNSUSPENDED, Page
from shared.kernel.clock import now
from shared.kernel.errors import EnvironmentNotReady, NameTaken, OperationInFlight
from shared.operations.intent import Answer, ReasonRequest
from shared.runtime.decommissioning.service import DecommissionRequest
from shared.runtime.environments import listing
from shared.runtime.environments.listing import Wanted
from shared.runtime.environments.model import (
    EnvironmentChange,
    EnvironmentStatus,
    Provisioning,
    ProvisionRequest,
    Stage,
)
from shared.runtime.health.views import EnvironmentItem, EnvironmentState
from shared.runtime.timeline.reading import Filter

LISTING = {
    **query.PAGED,
    "stage": query.one_of(Stage),
    "status": query.one_of(EnvironmentStatus),
    "projectId": query.text,
    "q": query.text,
    "attention": query.flag,
}
READ = "runtime.environments.read"
WRITE = "runtime.environments.write"


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    _changes(at, app)
    _reads(at, app)


def _changes(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "POST",
        "/environments",
        scope=WRITE,
        action="environments.provision",
        governed=True,
        answers={202: Provisioning},
        raises=(NameTaken,),
    )
    async def provision_environment(call: Mutation, body: ProvisionRequest) -> Answer:
        return await app().environments.provision(call.intent, body)

    @at.endpoint(
        "POST",
        "/environments/{environmentId}/decommission",
        scope=WRITE,
        bindings=UNSUSPENDED,
        action="environments.decommission",
        governed=True,
        answers={202: EnvironmentChange},
        raises=(EnvironmentNotReady, OperationInFlight),
    )
    async def decommission_environment(call: Mutation, body: DecommissionRequest) -> Answer:
        return await app().decommissioning.decommission(call.intent, call.environment, body)

    @at.endpoint(
        "POST",
        "/environments/{environmentId}/release-hold",
        scope="runtime.deployments.write",
        action="environments.release-hold",
        governed=True,
        answers={200: EnvironmentChange},
    )
    async def release_hold(call: Mutation, body: ReasonRequest) -> Answer:
        return await app().releasing.release(call.intent, call.environment, body)


def _reads(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "GET", "/environments/{environmentId}", scope=READ, action="environments.get", answers={200: EnvironmentState}
    )
    async def get_environment(call: Reading) -> Found:
        return Found(await app().inventory.environment(call.caller, call.params["environmentId"]))

    @at.endpoint(
        "GET",
        "/environments",
        scope=READ,
        action="environments.list",
        answers=Page("environments", EnvironmentItem),
        reads=LISTING,
    )
    async def list_environments(call: Reading) -> Listing:
        limit, wanted = call.query.get("limit", query.DEFAULT_LIMIT), Wanted.read(call.query)
        oldest = now() - app().settings.pace.stale_after
        found = listing.page(app().store, call.caller.tenant_id, wanted, limit, call.after, oldest=oldest)
        listed, after = await found
        items = [one.environment.document() | {"summary": one.summary.document()} for one in listed]
        return Listing(items, after)

    @at.endpoint(
        "GET",
        "/environments/{environmentId}/timeline",
        scope=READ,
        action="environments.timeline",
        answers=Page("entries", TimelineEntry),
        reads={**query.PAGED, "kind": query.text, "from": query.instant, "to": query.instant},
    )
    async def read_timeline(call: Reading) -> Listing:
        wanted = Filter(call.query.get("kind"), call.query.get("from"), call.query.get("to"))
        limit = call.query.get("limit", query.DEFAULT_LIMIT)
        page = await app().timeline.page(call.caller, call.params["environmentId"], wanted, limit, call.after)
        return Listing(page.entries, page.after)
