"""/internal: what sister services and workers call, no customer. The tokens, tenants and log of everything else."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http.call import Found, Mutation, Reading
from shared.kernel.errors import NotFound
from shared.operations.intent import Answer
from shared.runtime.catalog.mutation import InventoryRequest, PutServiceRequest
from shared.runtime.environments.tenancy import BindingRequest
from shared.runtime.health.ingest import HealthResultsRequest

SCOPE = "runtime.internal"
ENVIRONMENT = "/internal/environments/{environmentId}"


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    _catalog(at, app)
    _tenancy(at, app)

    @at.endpoint("POST", f"{ENVIRONMENT}/health-results", scope=SCOPE, action="health.report")
    async def report_health(call: Mutation, body: HealthResultsRequest) -> Answer:
        return await app().ingest.results(call.intent, call.environment, body)


def _catalog(at: Endpoints, app: Callable[[], Container]) -> None:
    service = f"{ENVIRONMENT}/services/{{serviceId}}"

    @at.endpoint("PUT", service, scope=SCOPE, action="inventory.put")
    async def put_service(call: Mutation, body: PutServiceRequest) -> Answer:
        return await app().mutations.put(call.intent, call.environment, call.params["serviceId"], body)

    @at.endpoint("DELETE", service, scope=SCOPE, action="inventory.remove")
    async def remove_service(call: Mutation) -> Answer:
        return await app().mutations.remove(call.intent, call.environment, call.params["serviceId"])

    @at.endpoint("POST", f"{ENVIRONMENT}/inventory", scope=SCOPE, action="inventory.observe")
    async def observe_inventory(call: Mutation, body: InventoryRequest) -> Answer:
        return await app().mutations.batch(call.intent, call.environment, body)


def _tenancy(at: Endpoints, app: Callable[[], Container]) -> None:
    binding = f"{ENVIRONMENT}/tenant-binding"

    @at.endpoint("PUT", binding, scope=SCOPE, action="tenant-binding.put", while_suspended=True)
    async def put_tenant_binding(call: Mutation, body: BindingRequest) -> Answer:
        return await app().tenancy.put(call.intent, call.environment, body)

    @at.endpoint("DELETE", binding, scope=SCOPE, action="tenant-binding.remove", while_suspended=True)
    async def remove_tenant_binding(call: Mutation) -> Answer:
        return await app().tenancy.remove(call.intent, call.environment)

    @at.endpoint("GET", binding, scope=SCOPE, action="tenant-binding.get")
    async def get_tenant_binding(call: Reading) -> Found:
        environment_id = call.params["environmentId"]
        admitted = await app().isolation.admit(call.caller.tenant_id, environment_id)
        if admitted.environment.environment_id != environment_id:
            raise NotFound("environment", environment_id)
        return Found(admitted.binding.document())
