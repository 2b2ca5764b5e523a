"""RuntimeDrift: the current findings of an environment, with the scan that they come from.

The findings of a view are read once; pages and filters are cut from them, and kept as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtime_grpc import wire
from runtime_grpc.doorway import Call
from runtime_grpc.pages import size_of
from runtime_grpc.watching import View, Watches
from shared.http.cursor import Cursors
from shared.http.problem_table import shown
from shared.kernel.errors import MalformedRequest
from shared.runtime.drift.model import MOST, PREFIX, Finding, FindingStatus, Scan
from shared.runtime.drift.reading import position
from shared.store import keys
from shared.store.port import Store
from shared.store.reading import read, read_all

LIST = "grpc.GetFindings"
Statuses = frozenset[FindingStatus]  # empty: whatever is not resolved


@dataclass(frozen=True)
class RuntimeDrift:
    watches: Watches
    store: Store
    cursors: Cursors

    async def get_findings(self, call: Call, request: Any) -> bytes:
        """Raises `NotFound`, `MalformedRequest` for a status or a page that is none."""
        size, statuses = size_of(request.page_size), _statuses(request.statuses)
        filters = {"environmentId": request.environment_id, "statuses": ",".join(sorted(statuses))}
        after = ""
        if request.page_token:
            after = self.cursors.open(call.caller.tenant_id, LIST, filters, request.page_token)
        _, view = await self.watches.watch(call.caller.tenant_id, request.environment_id)

        async def page() -> bytes:
            found = [one for one in await view.once(LIST, lambda: self._read(view)) if _wanted(one, statuses)]
            rest = [one for one in found if position(one) > after]
            token = ""
            if len(rest) > size:
                token = self.cursors.seal(call.caller.tenant_id, LIST, filters, position(rest[size - 1]))
            answer = wire.pb.GetFindingsResponse(
                environment_id=request.environment_id,
                findings=[wire.finding(one) for one in rest[:size]],
                last_scan=wire.scan(_scan(view)),
                next_page_token=token,
            )
            return bytes(answer.SerializeToString())

        return await view.once((LIST, size, statuses, after), page)

    async def _read(self, view: View) -> Sequence[Finding]:
        """All of them, newest detection first."""
        partition = view.admitted.place.partition
        found = read_all(Finding, partition, await self.store.list(partition, PREFIX, limit=MOST))
        return sorted(found, key=position)


def _scan(view: View) -> Scan:
    row = view.admitted.rows.get(keys.SCAN)
    return read(Scan, view.admitted.place.partition, row) if row else Scan()


def _statuses(names: Sequence[str]) -> Statuses:
    try:
        return frozenset(FindingStatus(name) for name in names)
    except ValueError:
        wrong = [shown(name) for name in names if name not in list(FindingStatus)]
        raise MalformedRequest({"statuses": [f"{wrong[0]} is none of {', '.join(FindingStatus)}"]}) from None


def _wanted(finding: Finding, statuses: Statuses) -> bool:
    return finding.status in statuses if statuses else not finding.resolved
