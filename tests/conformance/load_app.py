"""Load a Functions app with the library that Azure's worker runs on, and invoke functions; no host, no gRPC.

    python load_app.py DIR < invocations.json

`azure-functions-runtime` takes its message classes from the request, so plain objects stand in for the protobuf ones. stdin
holds a list of {"function", "data", "metadata"?, "inputs"?}; a datum is {"string"|"json"|"bytes": text} or {"http": {...}}.
stdout gets one line of JSON: {"python", "functions": {name: [binding types]}, "results": [{"ok", "error", "value"}]}.
A load that the worker would refuse ends with its message and exit code 1. One app per process: the library keeps globals.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime


class Message(SimpleNamespace):
    """A protobuf message as far as the runtime looks: attributes that are set, and which of them is."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**{name: value for name, value in fields.items() if value is not None})

    def WhichOneof(self, _: str) -> str | None:
        return next((name for name in vars(self) if name != "name"), None)


class Messages:
    """The worker's protobuf module: enumerations where it compares them, else a message class of any name."""

    StatusResult = type("StatusResult", (Message,), {"Failure": 0, "Success": 1, "Cancelled": 2})
    BindingInfo = type("BindingInfo", (Message,), {"out": 1, "inout": 2, "undefined": 0})
    RpcHttpCookie = type(
        "RpcHttpCookie",
        (Message,),
        {"SameSite": type("SameSite", (), {"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})},
    )

    def __getattr__(self, name: str) -> type[Message]:
        return type(name, (Message,), {})


MESSAGES = Messages()


async def send(what: str, **body: Any) -> Any:
    request = SimpleNamespace(request=SimpleNamespace(**body), properties={"host": "127.0.0.1", "protos": MESSAGES})
    return await getattr(runtime, what)(request)


async def load(folder: str) -> dict[str, Any]:
    """Index and validate the app as the worker does. Raises `SystemExit` with the worker's message."""
    sys.path.insert(0, folder)
    runtime.start_threadpool_executor()
    init = SimpleNamespace(capabilities={}, function_app_directory=folder)
    answer = await send("worker_init_request", worker_init_request=init)
    if answer.result.status != MESSAGES.StatusResult.Success:
        raise SystemExit(answer.result.exception.message)
    metadata = await send("functions_metadata_request")
    if metadata.result.status != MESSAGES.StatusResult.Success:
        raise SystemExit(metadata.result.exception.message)
    return {function.name: function for function in metadata.function_metadata_results}


def datum(given: dict[str, Any]) -> Message:
    [(kind, value)] = given.items()
    if kind == "bytes":
        return Message(bytes=value.encode())
    if kind != "http":
        return Message(**{kind: value})
    body = Message(bytes=value.get("body", "").encode())
    fields = {name: value.get(name, {}) for name in ("headers", "params", "query")}
    return Message(http=SimpleNamespace(method=value["method"], url=value["url"], body=body, **fields))


def plain(message: Any) -> Any:
    """What a function returned, as JSON can say it."""
    if message is None:
        return None
    kind = message.WhichOneof("data")
    value = getattr(message, kind)
    if kind == "http":
        return {"status": value.status_code, "body": value.body.bytes.decode()}
    return value.decode() if isinstance(value, bytes) else value


async def invoke(function: Any, call: dict[str, Any]) -> dict[str, Any]:
    bindings = [json.loads(text) for text in function.raw_bindings]
    trigger = next(one["name"] for one in bindings if one["type"].endswith("Trigger"))
    inputs = {trigger: call["data"], **call.get("inputs", {})}
    metadata = {name: datum(value) for name, value in call.get("metadata", {}).items()}
    request = SimpleNamespace(
        invocation_id="conformance",
        function_id=function.function_id,
        input_data=[Message(name=name, data=datum(value)) for name, value in inputs.items()],
        trigger_metadata=metadata,
        trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
    answer = await send("invocation_request", invocation_request=request)
    error = getattr(getattr(answer.result, "exception", None), "message", None)
    ok = answer.result.status == MESSAGES.StatusResult.Success
    return {"ok": ok, "error": error, "value": plain(getattr(answer, "return_value", None))}


async def main(folder: Path, calls: list[dict[str, Any]]) -> dict[str, Any]:
    functions = await load(str(folder))
    return {
        "python": sys.version.split()[0],
        "functions": {
            name: sorted(json.loads(text)["type"] for text in function.raw_bindings) for name, function in functions.items()
        },
        "results": [await invoke(functions[call["function"]], call) for call in calls],
    }


if __name__ == "__main__":
    outcome = asyncio.run(main(Path(sys.argv[1]).absolute(), json.load(sys.stdin)))
    sys.stdout.write(json.dumps(outcome) + "\n")
