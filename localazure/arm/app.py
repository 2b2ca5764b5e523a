"""The ASGI application of the Azure Resource Manager stand-in, and what it does when the process starts and ends.

Every request needs `api-version` and a bearer token that `authorise` accepts; every refusal has ARM's error shape. All that
is acknowledged is on the shelf: `start` makes the world hold it again (replicas, addresses, operations), `stop` leaves it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from localazure.arm.answer import Answer, Call
from localazure.arm.container_apps import ContainerApps
from localazure.arm.data_kinds import ServiceBusNamespaces, StorageAccounts
from localazure.arm.errors import ArmError, invalid_content
from localazure.arm.fleet import Fleet
from localazure.arm.groups import ResourceGroups
from localazure.arm.ingress import Ingress
from localazure.arm.job_kind import Jobs
from localazure.arm.jobs import JobRunner
from localazure.arm.kept_kinds import kept
from localazure.arm.operations import Operation
from localazure.arm.outsider import Outsider, Outsiders
from localazure.arm.platform_kinds import (
    Cluster,
    Identities,
    KeyVaults,
    ManagedClusters,
    ManagedEnvironments,
    RoleAssignments,
    Vaults,
    Workspaces,
)
from localazure.arm.records import Records
from localazure.arm.resources import Resources
from localazure.arm.revisions import Revisions
from localazure.arm.target import parse
from localazure.arm.web.fleet import WebFleet
from localazure.arm.web.outsider import WebOutsider
from localazure.arm.web.plans import AutoscaleSettings, Plans
from localazure.arm.web.site_routes import SWAP, SiteRoutes
from localazure.arm.web.sites import Sites, Slots
from localazure.lifespan import follow_lifespan
from localazure.shelf import Shelf
from localazure.workloads.port import Changeable, Workloads

PUBLIC_ENDPOINT = "https://management.azure.com"
STARTUP_SECONDS = 10.0
_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-(preview|privatepreview|alpha|beta|rc))?", re.IGNORECASE)
_LARGEST_BODY = 4 * 1024 * 1024  # ARM's limit of a request
log = logging.getLogger(__name__)


@dataclass
class Application:
    """The ASGI application. `start` and `stop` follow the lifespan protocol; they may be called instead, too."""

    resources: Resources
    fleet: Fleet
    web: WebFleet
    jobs: Jobs
    runner: JobRunner
    authorise: Callable[[str], bool]
    changeable: Changeable  # container apps and sites, for the control API
    _started: bool = False

    async def start(self) -> None:
        """Make the world hold what the shelf says. Idempotent."""
        if self._started:
            return
        self._started = True
        self.fleet.sweep()
        self.jobs.abandon()
        apps, places = list(self.resources.records.of_type(ContainerApps.type)), self.web.all()
        upheld = [*(self.fleet.uphold(app.key) for app in apps), *(self.web.uphold(place.key) for place in places)]
        outcomes = await asyncio.gather(*upheld, return_exceptions=True)
        for app, outcome in zip([*apps, *places], outcomes, strict=True):
            if isinstance(outcome, BaseException):  # one app that cannot run is no reason not to serve the others
                log.error("%s does not run again", app.id, exc_info=outcome)
        self.resources.operations.resume()

    async def stop(self) -> None:
        """End job executions, watchers and listeners; resources stay as they are on the shelf."""
        await self.resources.operations.close()
        await asyncio.gather(self.fleet.close(), self.web.close())
        await asyncio.gather(self.runner.close(), self.fleet.ingress.close())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await follow_lifespan(receive, send, self.start, self.stop)
        request = Request(scope, receive)
        try:
            answer = await self.resources.answer(await self._call(request))
        except ArmError as refused:
            answer = Answer(refused.status, refused.document, refused.headers)
        except Exception:  # the boundary: whatever broke, the client reads ARM's error shape and the log has the rest
            log.exception("%s %s failed", request.method, request.url.path)
            unknown = ArmError(500, "InternalServerError", "The server encountered an internal error.")
            answer = Answer(500, unknown.document)
        await _response(answer)(scope, receive, send)

    async def _call(self, request: Request) -> Call:
        """Raises `ArmError` 401, 400, 413 for a request that no resource gets to see."""
        self._authenticate(request.headers.get("authorization", ""))
        query = {key.lower(): value for key, value in request.query_params.items()}
        if not (version := query.pop("api-version", "")):
            message = "The api-version query parameter (?api-version=) is required for all requests."
            raise ArmError(400, "MissingApiVersionParameter", message)
        if not _API_VERSION.fullmatch(version):
            raise ArmError(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid.")
        target = parse(request.scope["path"])
        return Call(request.method, target, query, version, await _document(request))

    def _authenticate(self, header: str) -> None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer" and token and self.authorise(token.strip()):
            return
        missing = "The 'Authorization' header is missing or no bearer token that this directory issued."
        challenge = 'Bearer authorization_uri="https://login.microsoftonline.com/common", error="invalid_token"'
        raise ArmError(401, "AuthenticationFailed", f"Authentication failed. {missing}", {"WWW-Authenticate": challenge})


async def _document(request: Request) -> dict[str, Any]:
    body = await request.body()
    if len(body) > _LARGEST_BODY:
        raise ArmError(413, "RequestEntityTooLarge", "The request content is larger than 4 MiB.")
    if not body:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as flaw:
        raise invalid_content(f"it is no JSON ({type(flaw).__name__})") from None
    if not isinstance(document, dict):
        raise invalid_content("it is no JSON object")
    return document


def _response(answer: Answer) -> Response:
    ident = str(uuid.uuid4())
    headers = {
        "x-ms-request-id": ident,
        "x-ms-correlation-request-id": ident,
        "cache-control": "no-cache",
        **answer.headers,
    }
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    content = json.dumps(answer.body).encode()
    return Response(content, answer.status, headers, media_type="application/json; charset=utf-8")


async def _nothing(_operation: Operation) -> None:
    """The effect of "start": the execution is its own."""


def application(
    shelf: Shelf,
    workloads: Workloads,
    *,
    jobs: JobRunner,
    authorise: Callable[[str], bool],
    vaults: Vaults,
    cluster: Cluster,
    tls: ssl.SSLContext,
    endpoint: str = PUBLIC_ENDPOINT,
    delay_seconds: float = 0.3,
    startup_seconds: float = STARTUP_SECONDS,
) -> Application:
    """The stand-in.

    `authorise` is asked with the bearer token (without the scheme); `vaults` makes a Key Vault answer; `cluster` is what
    managed clusters lead to; `tls` serves the addresses of container apps; operations last at least `delay_seconds`; a
    revision without ready replicas is Unhealthy after `startup_seconds`. `endpoint` is where clients find this ARM.
    """
    records = Records(shelf)
    resources = Resources(shelf, records, endpoint=endpoint, delay_seconds=delay_seconds)
    ingress = Ingress(shelf, tls)
    fleet, web = Fleet(records, Revisions(shelf), workloads, ingress), WebFleet(records, workloads, ingress)
    sites = SiteRoutes(web, resources.operations)
    job_kind = Jobs(shelf, records, jobs, resources.operations)
    resources.emulate(
        ResourceGroups(records, resources.kind),
        ManagedEnvironments(records),
        ContainerApps(fleet, startup_seconds=startup_seconds),
        job_kind,
        KeyVaults(records, vaults),
        Identities(records),
        Workspaces(records),
        StorageAccounts(records),
        ServiceBusNamespaces(records),
        *kept(records),
        ManagedClusters(records, cluster),
        RoleAssignments(records),
        Plans(web),
        AutoscaleSettings(web),
        Sites(resources, web, sites),
        Slots(web, sites),
    )
    resources.actions.update({"start": _nothing, "stop": job_kind.stopped, SWAP: sites.swapped})
    outsiders = Outsiders(Outsider(resources), WebOutsider(resources))
    return Application(resources, fleet, web, job_kind, jobs, authorise, outsiders)
