"""The REST API, route by route.

Lists are asynchronous iterators over all pages. What answers 202 gives a `Begun`; `settled` waits for its operation. Every
method raises `Problem`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self, TypedDict, Unpack, cast

import httpx

from clients.runtime_client import documents as doc
from clients.runtime_client.problems import OperationFailed
from clients.runtime_client.transport import Begun, Token, Transport, begun

ROOT = "/v1/runtime"
PATIENCE = 30.0  # seconds
OPEN = frozenset({"NotStarted", "Running"})
ENDED_BADLY = frozenset({"Failed", "Canceled"})
POLL = 2.0  # seconds, where the platform does not say


class How(TypedDict, total=False):
    """Of a mutation. `if_match`: the ETag of what it is about (`Transport.tagged`)."""

    idempotency_key: str
    if_match: str


class Runtime:
    """`base_url`: scheme and authority. `patience`: how long, in seconds, what may work later is asked again.

    A context manager; `http`, where given, stays the caller's.
    """

    def __init__(
        self, base_url: str, token: Token, *, patience: float = PATIENCE, http: httpx.AsyncClient | None = None
    ) -> None:
        self._own = None if http else httpx.AsyncClient(base_url=base_url, timeout=30.0)
        used = http or self._own
        self.transport = Transport(cast(httpx.AsyncClient, used), token, patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._own is not None:
            await self._own.aclose()

    # Environments.

    async def provision(self, request: doc.ProvisionRequest, **how: Unpack[How]) -> Begun[doc.Provisioning]:
        return await self._begin("/environments", request, **how)

    async def environment(self, environment_id: str) -> doc.EnvironmentState:
        return cast(doc.EnvironmentState, await self._get(f"/environments/{environment_id}"))

    def environments(self, *, limit: int | None = None) -> AsyncIterator[doc.EnvironmentItem]:
        return self._pages("/environments", "environments", {"limit": limit})

    async def decommission(
        self, environment_id: str, request: doc.DecommissionRequest, **how: Unpack[How]
    ) -> Begun[doc.EnvironmentChange]:
        return await self._begin(f"/environments/{environment_id}/decommission", request, **how)

    async def release_hold(
        self, environment_id: str, reason: str | None = None, **how: Unpack[How]
    ) -> doc.EnvironmentChange:
        answer = await self._post(f"/environments/{environment_id}/release-hold", _because(reason), **how)
        return cast(doc.EnvironmentChange, answer.json())

    def timeline(self, environment_id: str, **filters: str) -> AsyncIterator[doc.TimelineEntry]:
        """`kind`, `from`, `to`; newest first."""
        return self._pages(f"/environments/{environment_id}/timeline", "entries", filters)

    # Deployments.

    async def deploy(self, request: doc.DeployRequest, **how: Unpack[How]) -> Begun[doc.DeploymentBegun]:
        return await self._begin("/deployments", request, **how)

    async def deployment(self, deployment_id: str, *, compare_to: str | None = None) -> doc.DeploymentState:
        found = await self._get(f"/deployments/{deployment_id}", compareTo=compare_to)
        return cast(doc.DeploymentState, found)

    def deployments(self, environment_id: str, *, limit: int | None = None) -> AsyncIterator[doc.DeploymentState]:
        return self._pages("/deployments", "deployments", {"environmentId": environment_id, "limit": limit})

    async def roll_back(
        self, deployment_id: str, request: doc.RollbackRequest | None = None, **how: Unpack[How]
    ) -> Begun[doc.DeploymentBegun]:
        return await self._begin(f"/deployments/{deployment_id}/rollback", request or {}, **how)

    async def promote(self, deployment_id: str, reason: str, **how: Unpack[How]) -> doc.DeploymentBegun:
        """Go on in spite of a paused gate."""
        answer = await self._post(f"/deployments/{deployment_id}/promote", {"reason": reason}, **how)
        return cast(doc.DeploymentBegun, answer.json())

    # What deployments bring along.

    async def publish(self, request: doc.PublishRequest, **how: Unpack[How]) -> doc.Published:
        return cast(doc.Published, (await self._post("/configurations", request, **how)).json())

    async def configuration(self, configuration_id: str) -> doc.Configuration:
        return cast(doc.Configuration, await self._get(f"/configurations/{configuration_id}"))

    def configurations(self, environment_id: str, *, limit: int | None = None) -> AsyncIterator[doc.Configuration]:
        return self._pages("/configurations", "configurations", {"environmentId": environment_id, "limit": limit})

    async def bind(self, request: doc.BindRequest, **how: Unpack[How]) -> doc.Bound:
        return cast(doc.Bound, (await self._post("/secret-bindings", request, **how)).json())

    async def secret_binding(self, secret_binding_id: str) -> doc.BindingState:
        return cast(doc.BindingState, await self._get(f"/secret-bindings/{secret_binding_id}"))

    def secret_bindings(self, environment_id: str, *, limit: int | None = None) -> AsyncIterator[doc.BindingState]:
        return self._pages("/secret-bindings", "secretBindings", {"environmentId": environment_id, "limit": limit})

    async def rotate(self, secret_binding_id: str, reason: str | None = None, **how: Unpack[How]) -> Begun[doc.Bound]:
        return await self._begin(f"/secret-bindings/{secret_binding_id}/rotate", _because(reason), **how)

    # What runs.

    async def health(self, service_id: str, *, environment_id: str | None = None) -> doc.ServiceHealthState:
        found = await self._get(f"/services/{service_id}/health", environmentId=environment_id)
        return cast(doc.ServiceHealthState, found)

    async def scale(self, request: doc.ScalingRequest, **how: Unpack[How]) -> doc.Applied:
        return cast(doc.Applied, (await self._post("/scaling-policies", request, **how)).json())

    async def scaling_policy(self, scaling_policy_id: str) -> doc.PolicyState:
        return cast(doc.PolicyState, await self._get(f"/scaling-policies/{scaling_policy_id}"))

    def scaling_policies(self, environment_id: str, *, limit: int | None = None) -> AsyncIterator[doc.PolicyState]:
        return self._pages("/scaling-policies", "scalingPolicies", {"environmentId": environment_id, "limit": limit})

    def findings(
        self, environment_id: str, *, status: doc.FindingStatus | None = None, limit: int | None = None
    ) -> AsyncIterator[doc.Finding]:
        """Those that are unresolved, without a status."""
        return self._pages(f"/drift/{environment_id}", "findings", {"status": status, "limit": limit})

    async def last_scan(self, environment_id: str) -> doc.Scan:
        """No findings is not the same as not scanned."""
        return cast(doc.Scan, (await self._get(f"/drift/{environment_id}", limit=1))["lastScan"])

    # Operations.

    async def operation(self, operation_id: str) -> doc.OperationState:
        return cast(doc.OperationState, await self._get(f"/operations/{operation_id}"))

    def operations(
        self, environment_id: str | None = None, *, status: doc.OperationStatus | None = None
    ) -> AsyncIterator[doc.OperationState]:
        return self._pages("/operations", "operations", {"environmentId": environment_id, "status": status})

    async def cancel(self, operation_id: str, reason: str | None = None, **how: Unpack[How]) -> doc.OperationState:
        answer = await self._post(f"/operations/{operation_id}/cancel", _because(reason), **how)
        return cast(doc.OperationState, answer.json())

    async def retry(self, operation_id: str, reason: str | None = None, **how: Unpack[How]) -> doc.OperationState:
        answer = await self._post(f"/operations/{operation_id}/retry", _because(reason), **how)
        return cast(doc.OperationState, answer.json())

    async def settled(
        self,
        operation: str | Begun[Any],
        *,
        within: float = 3600.0,
        told: Callable[[doc.OperationState], None] | None = None,
    ) -> doc.OperationState:
        """The operation once it has Succeeded, looked at as often as `Retry-After` says; `told` hears of every look.

        Raises `OperationFailed` when it ended otherwise, `TimeoutError` after `within` seconds.
        """
        operation_id = operation if isinstance(operation, str) else operation.operation_id
        async with asyncio.timeout(within):
            while True:
                answer = await self.transport.ask("GET", f"{ROOT}/operations/{operation_id}", headers={})
                found = cast(doc.OperationState, answer.json())
                if told is not None:
                    told(found)
                if found["status"] in ENDED_BADLY:
                    raise OperationFailed(found)
                if found["status"] not in OPEN:
                    return found
                await asyncio.sleep(float(answer.headers.get("Retry-After", POLL)))

    async def rehearse(self, path: str, request: Mapping[str, Any]) -> doc.DryRun:
        """POST `path` (under /v1/runtime) as a dry run: every obstacle and every effect, and nothing is done."""
        answer = await self.transport.change("POST", ROOT + path, request, query={"dryRun": "true"})
        return cast(doc.DryRun, answer.json())

    # How.

    async def _get(self, path: str, **query: Any) -> Any:
        return await self.transport.get(ROOT + path, query)

    async def _post(self, path: str, body: Any, **how: Unpack[How]) -> httpx.Response:
        return await self.transport.change("POST", ROOT + path, body, **how)

    async def _begin(self, path: str, body: Any, **how: Unpack[How]) -> Begun[Any]:
        return begun(await self._post(path, body, **how))

    async def _pages(self, path: str, plural: str, query: Mapping[str, Any]) -> AsyncIterator[Any]:
        page = await self._get(path, **query)
        while True:
            for item in page[plural]:
                yield item
            if "nextLink" not in page:
                return
            page = await self.transport.get(page["nextLink"])


def _because(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"reason": reason}
