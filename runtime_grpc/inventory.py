"""RuntimeInventory: the live inventory of an environment, a snapshot at a time.

`revision` is a hash of what the answer says of all services, so it moves when that does and at no other time; pages of one
revision belong together. An answer is made once per view of the environment and is bytes from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtime_grpc import wire
from runtime_grpc.doorway import Call
from runtime_grpc.pages import size_of
from runtime_grpc.watching import View, Watches
from shared.access.authoriser import require_tenant
from shared.http.cursor import Cursors
from shared.runtime.catalog.rows import Catalog

LIST = "grpc.GetServices"
DIGITS = 32  # of a revision: 128 bits


@dataclass(frozen=True)
class Listed:
    revision: str
    services: Sequence[Any]  # messages, by service id


@dataclass(frozen=True)
class RuntimeInventory:
    watches: Watches
    catalog: Catalog
    cursors: Cursors

    async def get_services(self, call: Call, request: Any) -> bytes:
        """Raises `TenantMismatch`, `NotFound`, `MalformedRequest` for a page that is none."""
        require_tenant(call.caller, request.tenant_id)
        size = size_of(request.page_size)
        after = ""
        if request.page_token:
            after = self.cursors.open(call.caller.tenant_id, LIST, _filters(request), request.page_token)
        _, view = await self.watches.watch(call.caller.tenant_id, request.environment_id)
        return await view.once((LIST, size, after), lambda: self._page(call, request, view, size, after))

    async def _page(self, call: Call, request: Any, view: View, size: int, after: str) -> bytes:
        listed = await view.once(LIST, lambda: self._listed(view))
        rest = [one for one in listed.services if one.service_id > after]
        shown = rest[:size]
        token = ""
        if len(rest) > size:
            token = self.cursors.seal(call.caller.tenant_id, LIST, _filters(request), shown[-1].service_id)
        answer = wire.pb.GetServicesResponse(
            environment_id=request.environment_id, revision=listed.revision, services=shown, next_page_token=token
        )
        return bytes(answer.SerializeToString())

    async def _listed(self, view: View) -> Listed:
        rows = await self.catalog.services(view.admitted.place)
        services = [wire.service(row, view.seen(row.service_id)) for row in rows]
        services.sort(key=lambda one: one.service_id)
        digest = hashlib.sha256()
        for one in services:
            digest.update(one.SerializeToString(deterministic=True))
        return Listed(digest.hexdigest()[:DIGITS], services)


def _filters(request: Any) -> dict[str, str]:
    return {"environmentId": request.environment_id}
