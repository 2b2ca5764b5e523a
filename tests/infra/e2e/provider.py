"""A provider in place of azure-native's plugin: the same resources, sent to the ARM stand-in over HTTP.

The engine finds it as `pulumi-resource-azure-native` on PATH, so the programs under test are the real ones. It behaves as
the real provider does where it matters here: it refuses to create what exists, reads resources and their inputs back by
their ids (import, refresh), and says which inputs differ.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent import futures
from typing import Any

import grpc
import httpx
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.infra.e2e.shapes import SHAPES, Json

WHERE, SUBSCRIPTION = "TESTS_ARM_URL", "azure-native:config:subscriptionId"
VERSION = "2025-01-01"
AZURE = "https://management.azure.com"
_SETTLED = {"succeeded", "failed", "canceled", ""}
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # Pulumi's word for a value that is not known yet
Context = grpc.ServicerContext


class Refused(Exception):
    """ARM's no, in azure-native's words."""


class Arm:
    def __init__(self) -> None:
        """The stand-in of these tests where its address is given; else Azure's own, as the managed identity."""
        url, token = os.environ.get(WHERE), "good"
        if url is None:
            url, token = AZURE, _managed_identity()
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def get(self, path: str) -> Json | None:
        answer = self._client.get(path, params={"api-version": VERSION})
        if answer.status_code == 404:
            return None
        return self._accepted(answer)

    def put(self, path: str, body: Json) -> Json:
        self._accepted(self._client.put(path, params={"api-version": VERSION}, json=body))
        while True:
            standing = self.get(path)
            assert standing is not None, path
            state = str((standing.get("properties") or {}).get("provisioningState", "")).lower()
            if state in _SETTLED:
                return standing
            time.sleep(0.02)

    def delete(self, path: str) -> None:
        answer = self._client.delete(path, params={"api-version": VERSION})
        if answer.status_code != 404:
            self._accepted(answer)
        while self.get(path) is not None:
            time.sleep(0.02)

    def post(self, path: str) -> Json:
        return self._accepted(self._client.post(path, params={"api-version": VERSION}))

    def _accepted(self, answer: httpx.Response) -> Json:
        if answer.status_code < 300:
            document: Json = answer.json() if answer.content else {}
            return document
        error = answer.json()["error"]
        raise Refused(f'Status={answer.status_code} Code="{error["code"]}" Message="{error["message"]}"')


def _managed_identity() -> str:
    """A token that outlives any run."""
    query = {"resource": AZURE, "api-version": "2019-08-01"}
    headers = {"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]}
    token: str = (
        httpx.get(os.environ["IDENTITY_ENDPOINT"], params=query, headers=headers).raise_for_status().json()["access_token"]
    )
    return token


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self) -> None:
        self._arm = Arm()
        self._subscription = ""

    def GetPluginInfo(self, request: Any, context: Context) -> Any:
        return plugin_pb2.PluginInfo(version="3.29.0")

    def CheckConfig(self, request: Any, context: Context) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Context) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Context) -> Any:
        self._subscription = request.variables[SUBSCRIPTION]
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Check(self, request: Any, context: Context) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Context) -> Any:
        shape = SHAPES[_type(request.urn)]
        old = _json(request.old_inputs)
        new = _kept(_json(request.news), old, list(request.ignoreChanges))
        changed = sorted(name for name in {*old, *new} if not _same(old.get(name), new.get(name)))
        replaced = [name for name in changed if name in (*shape.parameters, *shape.fixed, "location")]
        kinds = provider_pb2.DiffResponse
        return provider_pb2.DiffResponse(
            changes=kinds.DIFF_SOME if changed else kinds.DIFF_NONE, diffs=changed, replaces=replaced
        )

    def Create(self, request: Any, context: Context) -> Any:
        if request.preview and _type(request.urn) not in SHAPES:  # the platform's own, which nothing here makes: unknown
            return provider_pb2.CreateResponse(id="", properties=_struct({}))
        shape, inputs = SHAPES[_type(request.urn)], _json(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=_struct(shape.outputs(shape.body(inputs))))
        resource_id = shape.id(inputs, self._subscription)
        try:
            if self._arm.get(resource_id) is not None:
                raise Refused(f"cannot create already existing resource '{resource_id}'")
            answered = self._arm.put(resource_id, shape.body(inputs))
        except Refused as refused:
            context.abort(grpc.StatusCode.UNKNOWN, str(refused))
        return provider_pb2.CreateResponse(id=resource_id, properties=_struct(shape.outputs(answered)))

    def Read(self, request: Any, context: Context) -> Any:
        shape = SHAPES[_type(request.urn)]
        answered = self._arm.get(request.id)
        if answered is None:
            return provider_pb2.ReadResponse(id="")
        told, held = shape.inputs(request.id, answered), _json(request.inputs)
        inputs = _projected(told, held) if held else told
        return provider_pb2.ReadResponse(id=request.id, properties=_struct(shape.outputs(answered)), inputs=_struct(inputs))

    def Update(self, request: Any, context: Context) -> Any:
        shape = SHAPES[_type(request.urn)]
        if request.preview:
            return provider_pb2.UpdateResponse(properties=_struct(shape.outputs(shape.body(_json(request.news)))))
        try:
            answered = self._arm.put(request.id, shape.body(_json(request.news)))
        except Refused as refused:
            context.abort(grpc.StatusCode.UNKNOWN, str(refused))
        return provider_pb2.UpdateResponse(properties=_struct(shape.outputs(answered)))

    def Delete(self, request: Any, context: Context) -> Any:
        try:
            self._arm.delete(request.id)
        except Refused as refused:
            context.abort(grpc.StatusCode.UNKNOWN, str(refused))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Context) -> Any:
        assert request.tok == "azure-native:containerservice:listManagedClusterUserCredentials", request.tok
        shape = SHAPES["azure-native:containerservice:ManagedCluster"]
        cluster = shape.id(_json(request.args), self._subscription)
        return provider_pb2.InvokeResponse(**{"return": _struct(self._arm.post(f"{cluster}/listClusterUserCredential"))})

    def Cancel(self, request: Any, context: Context) -> Any:
        return empty_pb2.Empty()


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _json(struct: Any) -> Json:
    found: Json = json_format.MessageToDict(struct)
    return _whole({name: value for name, value in found.items() if not name.startswith("__")})  # type: ignore[no-any-return]


def _whole(value: Any) -> Any:
    """A Struct knows no whole numbers; ARM does. Secrets are unwrapped: nothing here is one."""
    if isinstance(value, dict):
        if "4dabf18193072939515e22adb298388d" in value:
            return _whole(value.get("value"))
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _struct(value: Json) -> Any:
    struct = struct_pb2.Struct()
    json_format.ParseDict(value, struct)
    return struct


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, list) and isinstance(new, list) and all(isinstance(one, str) for one in (*old, *new)):
        return sorted(old) == sorted(new)
    return bool(old == new) or new == _UNKNOWN


def _projected(told: Any, held: Any) -> Any:
    """What the state knows of, as it is now: what Azure adds by itself is no difference."""
    if isinstance(held, dict) and isinstance(told, dict):
        return {name: _projected(told[name], one) for name, one in held.items() if name in told}
    if isinstance(held, list) and isinstance(told, list) and len(held) == len(told):
        return [_projected(one, other) for one, other in zip(told, held, strict=True)]
    return told


def _kept(new: Json, old: Json, ignored: list[str]) -> Json:
    """The real provider is told what to ignore; so is this one. `a["b"]`, `a.b`, `a[0].b`."""
    for path in ignored:
        names = [
            name for name in path.replace('["', ".").replace('"]', "").replace("[", ".").replace("]", "").split(".") if name
        ]
        _reset(new, old, names)
    return new


def _reset(new: Any, old: Any, names: list[str]) -> None:
    for name in names[:-1]:
        key: Any = int(name) if isinstance(new, list) else name
        try:
            new, old = new[key], old[key]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(new, dict) and isinstance(old, dict) and names[-1] in old:
        new[names[-1]] = old[names[-1]]


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
