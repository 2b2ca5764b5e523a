"""The isolation probe's attempts: every route of the table, as a synthetic tenant, against ids that are another's.

Each is made twice, with the other tenant's ids and with ids that nobody has, and the two must be answered alike, to the
byte but for the ids and the trace: a refusal that says *why* has told that there is something. A request that changes
something comes without a body of its own: the door is checked before it, so that a door that is open shows, and nothing
is done. A list that is asked for without naming an environment may show nothing of the other tenant's.

What says nothing (no token, no scope, too many requests, a dependency away) is untold, never refused.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.access.authoriser import Authoriser
from shared.events.journal import Place
from shared.http.message import Request, Response
from shared.http.routes import Route, RouteTable
from shared.kernel import ids
from shared.kernel.clock import Clock, Draw
from shared.kernel.errors import RuntimeCloudError
from shared.kernel.trace import trace_id_of
from shared.operations.model import Operation
from shared.runtime.environments.intactness import HOME_TENANT, Breach, IsolationReport
from shared.runtime.probing.bait import Bait, parameters
from shared.runtime.probing.recording import Found, Recording
from shared.store import keys
from shared.store.port import Delete, Store

log = logging.getLogger(__name__)

ENVIRONMENT = "environmentId"
UNTOLD = frozenset({401, 408, 429})
MOST_ROWS = 100  # of its own log that one probe takes away
_PARAMETER = re.compile(r"\{([a-zA-Z]+)\}")
_TRACE = re.compile(rb"trace-[0-9a-f]{32}")

Serve = Callable[[Request], Awaitable[Response]]


class Nobody:
    """The hub of requests that begin nothing."""

    async def start(self, operation: Operation) -> None:
        log.error("the isolation probe began %s", operation.operation_id)

    async def wake(self, instance_id: str) -> None: ...

    async def state(self, operation: Operation) -> Any: ...

    async def terminate(self, operation: Operation) -> None: ...


@dataclass(frozen=True)
class Probing:
    table: RouteTable
    serve: Serve
    token: Callable[[], Awaitable[str]]
    authoriser: Authoriser
    bait: Bait
    recording: Recording
    store: Store
    clock: Clock
    draw: Draw

    async def probe(self) -> IsolationReport:
        """One probe, and its report. Raises `Transient` when it cannot be recorded."""
        started = self.clock()
        theirs = await self.bait.lay()
        try:
            token = await self.token()
            caller = await self.authoriser.authenticate(f"Bearer {token}", trace_id_of(None))
        except RuntimeCloudError as error:
            log.warning("the isolation probe has no token: %s", type(error).__name__)
            return await self.recording.record(started, Found(0, 1, []))
        if caller.tenant_id == HOME_TENANT:
            log.error("the isolation probe's client belongs to the tenant that it is to try to reach")
            return await self.recording.record(started, Found(0, 1, []))
        nobodys = parameters(Place("", ids.environment_id(self.draw())), self.draw()) | {"serviceId": f"none-{self.draw()}"}
        told = [await self._tried(route, caller.tenant_id, token, theirs, nobodys) for route in self._routes()]
        await self._forget(caller.tenant_id)
        breaches = [one for one in told if isinstance(one, Breach)]
        return await self.recording.record(started, Found(len(told), sum(one is None for one in told), breaches))

    def _routes(self) -> list[Route]:
        return [route for route in self.table if route.scopes is not None]

    async def _tried(
        self, route: Route, tenant: str, token: str, theirs: Mapping[str, str], nobodys: Mapping[str, str]
    ) -> Breach | bool | None:
        """A breach, True for what was refused, None for what told nothing."""
        reached = await self.serve(_request(route, tenant, token, theirs))
        control = await self.serve(_request(route, tenant, token, nobodys))
        if any(_tells_nothing(answer) for answer in (reached, control)):
            return None
        if _names_something(route):
            alike = (reached.status, _plain(reached, theirs)) == (control.status, _plain(control, nobodys))
            intact = alike and reached.status >= 400
        else:
            intact = theirs[ENVIRONMENT].encode() not in reached.body
        return intact or Breach(route=f"{route.method} {route.path}", status=reached.status)

    async def _forget(self, tenant: str) -> None:
        """The log of its own attempts: nobody reads it, and it would grow for ever."""
        partition = keys.tenant_partition(tenant)
        rows = await self.store.list(partition, "log-", limit=MOST_ROWS)
        if rows:
            await self.store.commit(partition, self.draw(), [Delete(row.key, row.version) for row in rows])


def _names_something(route: Route) -> bool:
    """Whether its request names what it is about, and is not a list of whatever is one's own."""
    return "{" in route.path or route.method != "GET" or ENVIRONMENT in route.query


def _request(route: Route, tenant: str, token: str, named: Mapping[str, str]) -> Request:
    path = _PARAMETER.sub(lambda found: named[found[1]], route.full_path)
    query = ((ENVIRONMENT, named[ENVIRONMENT]),) if ENVIRONMENT in route.query else ()
    headers, raw = {"authorization": f"Bearer {token}"}, b""
    if route.method != "GET" and "{" not in route.path:
        # The one route that makes an environment names no other: it is tried with another tenant's name.
        owner = tenant if route.path != "/environments" else HOME_TENANT
        raw = json.dumps({"tenantId": owner, ENVIRONMENT: named[ENVIRONMENT]}).encode()
        headers["content-type"] = "application/json"
    return Request(route.method, path, query, headers, raw, "https://isolation-probe")


def _tells_nothing(answer: Response) -> bool:
    if answer.status in UNTOLD or answer.status >= 500:
        return True
    return answer.status == 403 and json.loads(answer.body).get("code") == "InsufficientScope"


def _plain(answer: Response, named: Mapping[str, str]) -> bytes:
    """The body without what was asked for and without its trace."""
    body = _TRACE.sub(b"", answer.body)
    for name, value in sorted(named.items(), key=lambda one: -len(one[1])):
        body = body.replace(value.encode(), name.encode())
    return body
