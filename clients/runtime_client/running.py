"""What runs: its health, its scaling, its drift."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Unpack, cast

from .generated import documents as doc
from .routes import How, Routes, because
from .transport import Begun


class Running(Routes):
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
        self,
        environment_id: str,
        *,
        status: doc.FindingStatus | None = None,
        kind: doc.FindingKind | None = None,
        severity: doc.Severity | None = None,
        service_id: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[doc.Finding]:
        """Those that are unresolved, without a status."""
        wanted = {"status": status, "kind": kind, "severity": severity, "serviceId": service_id}
        return self._pages(f"/drift/{environment_id}", "findings", {**wanted, "limit": limit})

    async def last_scan(self, environment_id: str) -> doc.Scan:
        """No findings is not the same as not scanned."""
        return cast(doc.Scan, (await self._get(f"/drift/{environment_id}", limit=1))["lastScan"])

    async def pause(self, scaling_policy_id: str, reason: str | None = None, **how: Unpack[How]) -> Begun[doc.Applied]:
        """Its `operation_id` is empty where nothing is to be enforced; so with `resume`."""
        return await self._begin(f"/scaling-policies/{scaling_policy_id}/pause", because(reason), **how)

    async def resume(self, scaling_policy_id: str, reason: str | None = None, **how: Unpack[How]) -> Begun[doc.Applied]:
        return await self._begin(f"/scaling-policies/{scaling_policy_id}/resume", because(reason), **how)

    async def acknowledge(
        self, environment_id: str, finding_id: str, reason: str, **how: Unpack[How]
    ) -> doc.FindingDecided:
        path = f"{_finding(environment_id, finding_id)}/acknowledge"
        return cast(doc.FindingDecided, (await self._post(path, {"reason": reason}, **how)).json())

    async def accept(
        self, environment_id: str, finding_id: str, request: doc.AcceptRequest, **how: Unpack[How]
    ) -> doc.FindingDecided:
        answer = await self._post(f"{_finding(environment_id, finding_id)}/accept", request, **how)
        return cast(doc.FindingDecided, answer.json())

    async def resolve(
        self,
        environment_id: str,
        finding_id: str,
        by: Literal["adopt", "remediate"],
        reason: str | None = None,
        **how: Unpack[How],
    ) -> Begun[doc.FindingDecided]:
        """Reality becomes what is wanted, or what is wanted becomes real."""
        return await self._begin(f"{_finding(environment_id, finding_id)}/{by}", because(reason), **how)

    async def ignore_rules(self, environment_id: str) -> doc.RulesState:
        return cast(doc.RulesState, await self._get(f"/drift/{environment_id}/ignore-rules"))

    async def replace_ignore_rules(
        self, environment_id: str, request: doc.RulesRequest, **how: Unpack[How]
    ) -> doc.RulesReplaced:
        return cast(doc.RulesReplaced, (await self._put(f"/drift/{environment_id}/ignore-rules", request, **how)).json())


def _finding(environment_id: str, finding_id: str) -> str:
    return f"/drift/{environment_id}/findings/{finding_id}"
