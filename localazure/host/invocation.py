"""Run one function: arguments through the library's own converters, async code on the loop, sync code in the pool.

The converters (`azure.functions`' binding registry) are the worker's, so that what the app receives and what it may
return is decided by the library and not by this host. A function that outlives `functionTimeout` fails its invocation.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import re
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from azure.functions.meta import Datum

from localazure.host.indexing import Binding, Function
from localazure.host.signatures import converter

log = logging.getLogger("localazure.host.invocation")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class TraceContext:
    """W3C trace context of one invocation: the caller's trace with a span of the host's own, or a new trace."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        trace, flags = (match[1], match[3]) if match else (secrets.token_hex(16), "00")
        self.trace_parent = self.Traceparent = f"00-{trace}-{secrets.token_hex(8)}-{flags}"
        self.trace_state = self.Tracestate = headers.get("tracestate", "") if match else ""
        self.attributes: dict[str, str] = {}
        self.Attributes = self.attributes


class Context:
    """What a parameter named `context` receives; the attributes of `azure.functions.Context`."""

    retry_context = None

    def __init__(self, function: Function, headers: Mapping[str, str]) -> None:
        self.invocation_id = str(uuid.uuid4())
        self.function_name = function.name
        self.function_directory = function.directory
        self.thread_local_storage = threading.local()
        self.trace_context = TraceContext(headers)


class Invoker:
    """Calls functions. `input_data` gives the data of non-trigger input bindings by binding type."""

    def __init__(self, timeout: float | None) -> None:
        threads = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT")
        self._pool = ThreadPoolExecutor(int(threads) if threads else None, thread_name_prefix="function")
        self._timeout = timeout
        self.input_data: dict[str, Callable[[Binding], Datum]] = {}

    async def __call__(
        self,
        function: Function,
        data: Datum,
        metadata: Mapping[str, Datum] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Datum | None:
        """What the function returned, encoded for its binding; None when it has nothing to return.

        Raises whatever the function raises, `TimeoutError` past functionTimeout, and the worker's own refusals: an answer
        that its binding cannot carry, a value from a function that must return nothing.
        """
        context = Context(function, headers or {})
        arguments = {function.trigger["name"]: converter(function.kind).decode(data, trigger_metadata=metadata or {})}
        for binding in function.inputs:
            value = self.input_data[binding["type"]](binding)
            arguments[binding["name"]] = converter(binding["type"]).decode(value, trigger_metadata=None)
        if function.needs_context:
            arguments["context"] = context
        result = await self._run(function, context, arguments)
        if function.returns is None:
            if result is not None:
                raise RuntimeError(f"function {function.name!r} has no $return binding and returned a value")
            return None
        encoded: Datum = converter(function.returns).encode(result, expected_type=None)
        return encoded

    async def _run(self, function: Function, context: Context, arguments: dict[str, Any]) -> Any:
        async with asyncio.timeout(self._timeout):
            if function.is_async:
                return await function.call(**arguments)
            run = contextvars.copy_context().run
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, run, _run_sync, context, function.call, arguments
            )

    def close(self) -> None:
        """Take no more work; a sync function that hangs is left to the end of the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _run_sync(context: Context, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    context.thread_local_storage.invocation_id = context.invocation_id
    return call(**arguments)
