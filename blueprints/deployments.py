"""/deployments: releases into environments, and back."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http import query
from shared.http.call import Found, Listing, Mutation, Reading
from shared.http.routes import Page
from shared.kernel.errors import (
    EnvironmentNotReady,
    IsolationBreach,
    NoStableSnapshot,
    NotPaused,
    OperationInFlight,
    TargetNotEnabled,
    ValidationFailed,
)
from shared.operations.intent import Answer
from shared.runtime.deployments.model import DeploymentBegun, DeploymentState, DeployRequest
from shared.runtime.deployments.service import RollbackRequest
from shared.runtime.interventions.promoting import PromoteRequest

READ = "runtime.deployments.read"
WRITE = "runtime.deployments.write"


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    _changes(at, app)
    _reads(at, app)


def _changes(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "POST",
        "/deployments",
        scope=WRITE,
        action="deployments.deploy",
        governed=True,
        answers={202: DeploymentBegun},
        raises=(EnvironmentNotReady, OperationInFlight, IsolationBreach, TargetNotEnabled),
    )
    async def deploy_release(call: Mutation, body: DeployRequest) -> Answer:
        return await app().deployments.deploy(call.intent, call.environment, body)

    @at.endpoint(
        "POST",
        "/deployments/{deploymentId}/rollback",
        scope=WRITE,
        action="deployments.rollback",
        governed=True,
        answers={202: DeploymentBegun},
        raises=(EnvironmentNotReady, OperationInFlight, NoStableSnapshot),
    )
    async def roll_back_deployment(call: Mutation, body: RollbackRequest) -> Answer:
        return await app().deployments.roll_back(call.intent, call.environment, call.params["deploymentId"], body)

    @at.endpoint(
        "POST",
        "/deployments/{deploymentId}/promote",
        scope=WRITE,
        action="deployments.promote",
        governed=True,
        answers={202: DeploymentBegun},
        raises=(NotPaused,),
    )
    async def promote_deployment(call: Mutation, body: PromoteRequest) -> Answer:
        return await app().promoting.promote(call.intent, call.environment, call.params["deploymentId"], body)


def _reads(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "GET",
        "/deployments/{deploymentId}",
        scope=READ,
        action="deployments.get",
        answers={200: DeploymentState},
        raises=(ValidationFailed,),
        reads={"compareTo": query.text},
    )
    async def get_deployment(call: Reading) -> Found:
        reader, ident = app().deployment_reader, call.params["deploymentId"]
        return Found(await reader.get(call.caller, ident, compare_to=call.query.get("compareTo")))

    @at.endpoint(
        "GET",
        "/deployments",
        scope=READ,
        action="deployments.list",
        answers=Page("deployments", DeploymentState),
        reads=query.PAGED_IN_ENVIRONMENT,
    )
    async def list_deployments(call: Reading) -> Listing:
        environment_id, limit = query.environment_page(call.query)
        page = await app().deployment_reader.page(call.caller, environment_id, limit, call.after)
        return Listing(page.deployments, page.after)
