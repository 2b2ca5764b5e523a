"""/internal: what sister services and workers call, no customer. The tokens, tenants and log of everything else."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.access.binding import BindingStatus, TenantBinding
from shared.container import Container
from shared.http.call import Found, Mutation, Reading
from shared.kernel.errors import NotFound, TargetNotEnabled
from shared.operations.intent import Answer
from shared.runtime.catalog.model import ServiceObserved
from shared.runtime.catalog.mutation import InventoryAnswer, InventoryRequest, PutServiceRequest
from shared.runtime.environments.tenancy import BindingChanged, BindingRequest
from shared.runtime.health.ingest import HealthResultsAnswer, HealthResultsRequest

SCOPE = "runtime.internal"
MADE = frozenset({BindingStatus.ACTIVE, BindingStatus.SUSPENDED})  # suspension is lifted by whoever may suspend
ENVIRONMENT = "/internal/environments/{environmentId}"


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    _catalog(at, app)
    _tenancy(at, app)

    @at.endpoint(
        "POST",
        f"{ENVIRONMENT}/health-results",
        scope=SCOPE,
        action="health.report",
        answers={200: HealthResultsAnswer},
    )
    async def report_health(call: Mutation, body: HealthResultsRequest) -> Answer:
        return await app().ingest.results(call.intent, call.environment, body)


def _catalog(at: Endpoints, app: Callable[[], Container]) -> None:
    service = f"{ENVIRONMENT}/services/{{serviceId}}"

    @at.endpoint(
        "PUT", service, scope=SCOPE, action="inventory.put", answers={200: ServiceObserved}, raises=(TargetNotEnabled,)
    )
    async def put_service(call: Mutation, body: PutServiceRequest) -> Answer:
        return await app().mutations.put(call.intent, call.environment, call.params["serviceId"], body)

    @at.endpoint("DELETE", service, scope=SCOPE, action="inventory.remove", answers={204: None})
    async def remove_service(call: Mutation) -> Answer:
        return await app().mutations.remove(call.intent, call.environment, call.params["serviceId"])

    @at.endpoint(
        "POST",
        f"{ENVIRONMENT}/inventory",
        scope=SCOPE,
        action="inventory.observe",
        answers={200: InventoryAnswer},
        raises=(TargetNotEnabled,),
    )
    async def observe_inventory(call: Mutation, body: InventoryRequest) -> Answer:
        return await app().mutations.batch(call.intent, call.environment, body)


def _tenancy(at: Endpoints, app: Callable[[], Container]) -> None:
    binding = f"{ENVIRONMENT}/tenant-binding"

    @at.endpoint(
        "PUT",
        binding,
        scope=SCOPE,
        action="tenant-binding.put",
        answers={200: BindingChanged},
        bindings=MADE,
    )
    async def put_tenant_binding(call: Mutation, body: BindingRequest) -> Answer:
        return await app().tenancy.put(call.intent, call.environment, body)

    @at.endpoint(
        "DELETE",
        binding,
        scope=SCOPE,
        action="tenant-binding.remove",
        answers={204: None},
        bindings=MADE,
    )
    async def remove_tenant_binding(call: Mutation) -> Answer:
        return await app().tenancy.remove(call.intent, call.environment)

    @at.endpoint("GET", binding, scope=SCOPE, action="tenant-binding.get", answers={200: TenantBinding})
    async def get_tenant_binding(call: Reading) -> Found:
        environment_id = call.params["environmentId"]
        admitted = await app().isolation.admit(call.caller.tenant_id, environment_id)
        if admitted.environment.environment_id != environment_id:
            raise NotFound("environment", environment_id)
        return Found(admitted.binding.document())
