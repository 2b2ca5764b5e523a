"""What workers and agents tell the platform (scope runtime.internal): what they saw, and a tenant's binding."""

from __future__ import annotations

from typing import Unpack, cast

from .generated import documents as doc
from .routes import How, Routes


class Feeding(Routes):
    async def observe(
        self, environment_id: str, service_id: str, request: doc.PutServiceRequest, **how: Unpack[How]
    ) -> doc.ServiceObserved:
        """One service as it was seen. An older look never overwrites a newer one; the answer says which stands."""
        answer = await self._put(f"{_inside(environment_id)}/services/{service_id}", request, **how)
        return cast(doc.ServiceObserved, answer.json())

    async def forget(self, environment_id: str, service_id: str, **how: Unpack[How]) -> None:
        await self._delete(f"{_inside(environment_id)}/services/{service_id}", **how)

    async def observe_all(
        self, environment_id: str, request: doc.InventoryRequest, **how: Unpack[How]
    ) -> doc.InventoryAnswer:
        """Many at once."""
        return cast(doc.InventoryAnswer, (await self._post(f"{_inside(environment_id)}/inventory", request, **how)).json())

    async def report_health(
        self, environment_id: str, request: doc.HealthResultsRequest, **how: Unpack[How]
    ) -> doc.HealthResultsAnswer:
        """As `Live.report`, a batch at a time."""
        answer = await self._post(f"{_inside(environment_id)}/health-results", request, **how)
        return cast(doc.HealthResultsAnswer, answer.json())

    async def tenant_binding(self, environment_id: str) -> doc.TenantBinding:
        return cast(doc.TenantBinding, await self._get(f"{_inside(environment_id)}/tenant-binding"))

    async def replace_tenant_binding(
        self, environment_id: str, request: doc.BindingRequest, **how: Unpack[How]
    ) -> doc.BindingChanged:
        """Suspend it, or make it active again."""
        answer = await self._put(f"{_inside(environment_id)}/tenant-binding", request, **how)
        return cast(doc.BindingChanged, answer.json())

    async def remove_tenant_binding(self, environment_id: str, **how: Unpack[How]) -> None:
        await self._delete(f"{_inside(environment_id)}/tenant-binding", **how)


def _inside(environment_id: str) -> str:
    return f"/internal/environments/{environment_id}"
