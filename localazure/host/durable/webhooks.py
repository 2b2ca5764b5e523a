"""The Durable extension's HTTP API, /runtime/webhooks/durabletask: for operators (with the system key) and, under a secret
path of its own, for the real DurableOrchestrationClient, whose RPC calls carry no key.

Entities, rewind and waiting creation are answered 501 with a `Message`, the extension's own error shape.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from localazure.host.durable.engine import Engine
from localazure.host.durable.in_process import CALL, Aborted
from localazure.host.durable.instances import (
    ENDED,
    STATUS_NAMES,
    Links,
    history_document,
    instance_query,
    status_document,
)
from localazure.host.durable.replay import text
from localazure.host.http import EVERY_METHOD, BodyTooLarge, given_key, read_body
from localazure.host.keys import Keys

BASE = "/runtime/webhooks/durabletask"
RPC = "/runtime/rpc"
Handler = Callable[[Request], Awaitable[Response]]
_REPLACEABLE = (
    pb.ORCHESTRATION_STATUS_COMPLETED,
    pb.ORCHESTRATION_STATUS_FAILED,
    pb.ORCHESTRATION_STATUS_TERMINATED,
)


def error(status: int, message: str, exception: str = "") -> JSONResponse:
    """The extension's error body."""
    return JSONResponse({"Message": message, "ExceptionMessage": exception or message}, status)


class DurableWebhooks:
    """`binding()` is what durableClient bindings receive, `routes()` what the server mounts."""

    def __init__(self, engine: Engine, origin: str, hub: str, keys: Keys) -> None:
        self._backend = engine.backend
        self._names = {name.lower(): name for name in engine.orchestrators}
        self._links = Links(origin + BASE, hub, keys.durable)
        self._keys = keys
        self._rpc = f"{origin}{RPC}/{keys.durable}/"

    def binding(self) -> str:
        return self._links.binding(self._rpc)

    def routes(self) -> list[Mount]:
        return [
            Mount(BASE, routes=self._routes(lambda request: self._keys.open("durable", given_key(request)))),
            Mount(f"{RPC}/{{key}}", routes=self._routes(self._is_rpc)),
        ]

    def _is_rpc(self, request: Request) -> bool:
        return hmac.compare_digest(request.path_params["key"].encode(), self._keys.durable.encode())

    def _routes(self, allowed: Callable[[Request], bool]) -> list[Route]:
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/orchestrators/{name}", self._start),
            ("POST", "/orchestrators/{name}/{id}", self._start),
            ("GET", "/instances", self._list),
            ("GET", "/instances/", self._list),
            ("DELETE", "/instances", self._purge_many),
            ("DELETE", "/instances/", self._purge_many),
            ("GET", "/instances/{id}", self._status),
            ("DELETE", "/instances/{id}", self._purge),
            ("POST", "/instances/{id}/raiseEvent/{event}", self._raise_event),
            ("POST", "/instances/{id}/restart", self._restart),
            ("POST", "/instances/{id}/{operation}", self._operate),
            ("*", "/{rest:path}", self._not_emulated),
        ]
        return [
            Route(path, self._guarded(handler, allowed), methods=EVERY_METHOD if method == "*" else [method])
            for method, path, handler in table
        ]

    def _guarded(self, handler: Handler, allowed: Callable[[Request], bool]) -> Handler:
        async def guarded(request: Request) -> Response:
            if not allowed(request):
                return Response(status_code=401)
            try:
                return await handler(request)
            except BodyTooLarge:
                return Response(status_code=413)
            except ValueError as bad:
                return error(400, "One or more of the arguments submitted is incorrect", str(bad))
            except Aborted as refused:
                if refused.code == "NOT_FOUND":
                    return Response(status_code=404)
                return error(500, "Something went wrong while processing your request", str(refused))

        return guarded

    # -- starting

    async def _start(self, request: Request) -> Response:
        wanted = request.path_params["name"]
        name = self._names.get(wanted.lower())
        if name is None:
            known = ", ".join(f"'{one}'" for one in self._names.values())
            raise ValueError(
                f"The function '{wanted}' doesn't exist, is disabled, or is not an orchestrator function. "
                f"Additional info: The following are the known orchestrator functions: {known}."
            )
        if "timeout" in request.query_params or "pollingInterval" in request.query_params:
            return error(501, "Waiting for a new instance is not emulated")
        start = pb.CreateInstanceRequest(
            instanceId=request.path_params.get("id", ""),
            name=name,
            input=text(await _json_text(request)),
            version=text(request.query_params.get("version")),
        )
        start.orchestrationIdReusePolicy.replaceableStatus.extend(_REPLACEABLE)
        links = self._links.of(self._backend.told("StartInstance", start).instanceId)
        return JSONResponse(links, 202, headers={"Location": links["statusQueryGetUri"], "Retry-After": "10"})

    async def _restart(self, request: Request) -> Response:
        anew = request.query_params.get("restartWithNewInstanceId", "true").lower() == "true"
        restart = pb.RestartInstanceRequest(instanceId=request.path_params["id"], restartWithNewInstanceId=anew)
        return JSONResponse(self._links.of(self._backend.told("RestartInstance", restart).instanceId), 202)

    # -- reading

    def _state(self, key: str) -> pb.OrchestrationState | None:
        answer = self._backend.told("GetInstance", pb.GetInstanceRequest(instanceId=key, getInputsAndOutputs=True))
        return answer.orchestrationState if answer.exists else None

    async def _status(self, request: Request) -> Response:
        state = self._state(request.path_params["id"])
        if state is None:
            return Response(status_code=404)
        document = status_document(state, show_input=_flag(request, "showInput", default=True))
        if _flag(request, "showHistory"):
            document["historyEvents"] = self._history(state.instanceId, _flag(request, "showHistoryOutput"))
        status = document["runtimeStatus"]
        if status not in ENDED:
            return JSONResponse(document, 202, headers={"Location": str(request.url), "Retry-After": "5"})
        failed = status == "Failed" and _flag(request, "returnInternalServerErrorOnFailure")
        return JSONResponse(document, 500 if failed else 200)

    def _history(self, key: str, show_output: bool) -> list[dict[str, Any]]:
        chunks = self._backend.StreamInstanceHistory(pb.StreamInstanceHistoryRequest(instanceId=key), CALL)
        return history_document((event for chunk in chunks for event in chunk.events), show_output=show_output)

    async def _list(self, request: Request) -> Response:
        query = instance_query(request.query_params, request.headers.get("x-ms-continuation-token"))
        answer = self._backend.told("QueryInstances", pb.QueryInstancesRequest(query=query))
        show_input = _flag(request, "showInput")
        return JSONResponse(
            [status_document(state, show_input=show_input) for state in answer.orchestrationState],
            headers={"x-ms-continuation-token": answer.continuationToken.value},
        )

    # -- acting on an instance

    async def _raise_event(self, request: Request) -> Response:
        if (gone := self._gone(request)) is not None:
            return gone
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            return error(400, "Only application/json request content is supported")
        event = pb.RaiseEventRequest(
            instanceId=request.path_params["id"],
            name=request.path_params["event"],
            input=text(await _json_text(request) or "null"),
        )
        self._backend.told("RaiseEvent", event)
        return Response(status_code=202)

    async def _operate(self, request: Request) -> Response:
        key, reason = request.path_params["id"], text(request.query_params.get("reason"))
        operations: dict[str, tuple[str, Any]] = {
            "terminate": ("TerminateInstance", pb.TerminateRequest(instanceId=key, output=reason)),
            "suspend": ("SuspendInstance", pb.SuspendRequest(instanceId=key, reason=reason)),
            "resume": ("ResumeInstance", pb.ResumeRequest(instanceId=key, reason=reason)),
        }
        operation = operations.get(request.path_params["operation"].lower())
        if operation is None:
            return await self._not_emulated(request)
        if (gone := self._gone(request)) is not None:
            return gone
        self._backend.told(*operation)
        return Response(status_code=202)

    def _gone(self, request: Request) -> Response | None:
        state = self._state(request.path_params["id"])
        if state is None:
            return Response(status_code=404)
        return Response(status_code=410) if STATUS_NAMES[state.orchestrationStatus] in ENDED else None

    async def _purge(self, request: Request) -> Response:
        if self._state(request.path_params["id"]) is None:
            return Response(status_code=404)
        purge = pb.PurgeInstancesRequest(instanceId=request.path_params["id"])
        return self._purged(purge)

    async def _purge_many(self, request: Request) -> Response:
        query = instance_query(request.query_params, None)
        if not query.HasField("createdTimeFrom"):
            return error(400, "Please provide value for 'createdTimeFrom' parameter.")
        until = query.createdTimeTo if query.HasField("createdTimeTo") else helpers.new_timestamp(datetime.now(UTC))
        chosen = pb.PurgeInstanceFilter(
            createdTimeFrom=query.createdTimeFrom, createdTimeTo=until, runtimeStatus=query.runtimeStatus
        )
        return self._purged(pb.PurgeInstancesRequest(purgeInstanceFilter=chosen))

    def _purged(self, purge: pb.PurgeInstancesRequest) -> Response:
        count = self._backend.told("PurgeInstances", purge).deletedInstanceCount
        return JSONResponse({"instancesDeleted": count}) if count else Response(status_code=404)

    async def _not_emulated(self, request: Request) -> Response:
        return error(501, f"{request.method} {request.url.path} is not emulated")


def _flag(request: Request, name: str, *, default: bool = False) -> bool:
    return request.query_params.get(name, str(default)).lower() == "true"


async def _json_text(request: Request) -> str | None:
    """The body as canonical JSON text, None when there is none. Raises `ValueError` for other content."""
    body = await read_body(request)
    try:
        return json.dumps(json.loads(body)) if body else None
    except ValueError as bad:
        raise ValueError(f"Invalid JSON content: {bad}") from bad
