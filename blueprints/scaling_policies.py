"""/scaling-policies: bounds for the targets' own autoscalers."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http import query
from shared.http.call import Found, Listing, Mutation, Reading
from shared.http.routes import Page
from shared.kernel.errors import EnvironmentNotReady, OperationInFlight, TargetNotEnabled
from shared.operations.intent import Answer, ReasonRequest
from shared.runtime.scaling.model import Applied, PolicyState, ScalingRequest

WRITE = "runtime.scaling.write"
READ = (WRITE, "runtime.environments.read")


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "POST",
        "/scaling-policies",
        scope=WRITE,
        action="scaling-policies.apply",
        governed=True,
        answers={200: Applied, 201: Applied},
        raises=(EnvironmentNotReady, TargetNotEnabled),
    )
    async def apply_scaling_policy(call: Mutation, body: ScalingRequest) -> Answer:
        return await app().scalings.apply(call.intent, call.environment, body)

    @at.endpoint(
        "GET",
        "/scaling-policies/{scalingPolicyId}",
        scope=READ,
        action="scaling-policies.get",
        answers={200: PolicyState},
    )
    async def get_scaling_policy(call: Reading) -> Found:
        return Found((await app().policies.get(call.caller, call.params["scalingPolicyId"])).shown())

    @at.endpoint(
        "GET",
        "/scaling-policies",
        scope=READ,
        action="scaling-policies.list",
        answers=Page("scalingPolicies", PolicyState),
        reads=query.PAGED_IN_ENVIRONMENT,
    )
    async def list_scaling_policies(call: Reading) -> Listing:
        environment_id, limit = query.environment_page(call.query)
        found, after = await app().policies.page(call.caller, environment_id, limit, call.after)
        return Listing([one.shown() for one in found], after)

    _pauses(at, app)


def _pauses(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "POST",
        "/scaling-policies/{scalingPolicyId}/pause",
        scope=WRITE,
        action="scaling-policies.pause",
        governed=True,
        answers={200: Applied, 202: Applied},
        raises=(EnvironmentNotReady, OperationInFlight),
    )
    async def pause_scaling_policy(call: Mutation, body: ReasonRequest) -> Answer:
        return await app().pausing.pause(call.intent, call.environment, call.params["scalingPolicyId"], body.reason)

    @at.endpoint(
        "POST",
        "/scaling-policies/{scalingPolicyId}/resume",
        scope=WRITE,
        action="scaling-policies.resume",
        governed=True,
        answers={200: Applied, 202: Applied},
        raises=(EnvironmentNotReady, OperationInFlight),
    )
    async def resume_scaling_policy(call: Mutation, body: ReasonRequest) -> Answer:
        return await app().pausing.resume(call.intent, call.environment, call.params["scalingPolicyId"])
