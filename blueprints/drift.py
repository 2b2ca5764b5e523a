"""/drift: what differs between what is wanted and what is."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.endpoint import Endpoints
from shared.container import Container
from shared.http import query
from shared.http.call import Listing, Reading
from shared.http.routes import Page
from shared.runtime.drift.model import Finding, FindingsOf, FindingStatus


def register(at: Endpoints, app: Callable[[], Container]) -> None:
    @at.endpoint(
        "GET",
        "/drift/{environmentId}",
        scope="runtime.drift.read",
        action="drift.list",
        answers=Page("findings", Finding, FindingsOf),
        reads={**query.PAGED, "status": query.one_of(FindingStatus)},
    )
    async def list_drift(call: Reading) -> Listing:
        environment_id, limit = call.params["environmentId"], call.query.get("limit", query.DEFAULT_LIMIT)
        status = call.query.get("status")
        page = await app().drift_reader.findings(call.caller, environment_id, status, limit, call.after)
        members = FindingsOf(environment_id=environment_id, last_scan=page.last_scan).document()
        return Listing(page.findings, page.after, members)
