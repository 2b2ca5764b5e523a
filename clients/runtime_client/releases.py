"""Environments, deployments, and what deployments bring along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Unpack, cast

from .generated import documents as doc
from .routes import How, Routes, because
from .transport import Begun


class Releases(Routes):
    # Environments.

    async def provision(self, request: doc.ProvisionRequest, **how: Unpack[How]) -> Begun[doc.Provisioning]:
        return await self._begin("/environments", request, **how)

    async def environment(self, environment_id: str) -> doc.EnvironmentState:
        return cast(doc.EnvironmentState, await self._get(f"/environments/{environment_id}"))

    def environments(
        self,
        *,
        stage: doc.Stage | None = None,
        status: doc.EnvironmentStatus | None = None,
        project_id: str | None = None,
        q: str | None = None,
        attention: bool | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[doc.EnvironmentItem]:
        """`q`: how the name begins. `attention`: those that a person should look at."""
        wanted = {"stage": stage, "status": status, "projectId": project_id, "q": q, "attention": attention}
        return self._pages("/environments", "environments", {**wanted, "limit": limit})

    async def decommission(
        self, environment_id: str, request: doc.DecommissionRequest, **how: Unpack[How]
    ) -> Begun[doc.EnvironmentChange]:
        return await self._begin(f"/environments/{environment_id}/decommission", request, **how)

    async def release_hold(
        self, environment_id: str, reason: str | None = None, **how: Unpack[How]
    ) -> doc.EnvironmentChange:
        answer = await self._post(f"/environments/{environment_id}/release-hold", because(reason), **how)
        return cast(doc.EnvironmentChange, answer.json())

    def timeline(
        self,
        environment_id: str,
        *,
        kind: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[doc.TimelineEntry]:
        """Newest first. `kind`: one ("deployment.completed") or the group before the dot. `since`, `until`: RFC 3339."""
        wanted = {"kind": kind, "from": since, "to": until, "limit": limit}
        return self._pages(f"/environments/{environment_id}/timeline", "entries", wanted)

    async def isolation(self) -> doc.IsolationReport:
        """The last result of the probe that tries to get from one tenant to another."""
        return cast(doc.IsolationReport, await self._get("/isolation"))

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
        return await self._begin(f"/secret-bindings/{secret_binding_id}/rotate", because(reason), **how)
