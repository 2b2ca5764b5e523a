"""Load the app's module once and describe every function as the worker would describe it to the host.

`FunctionRegister.get_functions()` may be called once only (a second call raises), so what is read here is shared by all
parts. Functions are sorted by name ignoring case: the host maps routes in that order and the first match wins. Whatever
this host does not emulate is refused here, with the function's name, before anything is served.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func

from localazure.host.configuration import BadSetting, NotEmulated, expand
from localazure.host.signatures import check_signature, returned_type

Binding = dict[str, Any]

TRIGGERS = frozenset({"httpTrigger", "timerTrigger", "serviceBusTrigger", "orchestrationTrigger", "activityTrigger"})
OTHER_BINDINGS = frozenset({"http", "durableClient"})
_EXPANDED = ("schedule", "queueName", "topicName", "subscriptionName")  # where Azure resolves %SETTING%
_RESERVED_ROUTES = ("admin", "runtime")  # as in Azure a plain prefix test: "administration" is refused too


@dataclass(frozen=True)
class Function:
    """One function of the app: its code and its bindings with all settings resolved."""

    name: str
    call: Callable[..., Any]
    is_async: bool
    trigger: Binding
    inputs: tuple[Binding, ...]
    returns: str | None  # binding type of what it returns; None: it must return nothing
    needs_context: bool
    directory: str

    @property
    def kind(self) -> str:
        return str(self.trigger["type"])


def load_module(folder: Path) -> ModuleType:
    """Import function_app.py from `folder`, first on the path, as the worker does."""
    sys.path.insert(0, str(folder))
    return importlib.import_module("function_app")


def index(module: ModuleType, folder: Path) -> list[Function]:
    """The functions of the module's one FunctionApp, sorted as the host sorts them.

    Raises `NotEmulated`, `BadSetting`, or `ValueError` for what the worker itself would refuse.
    """
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise ValueError(f"function_app.py must hold exactly one FunctionApp at its top level, found {len(apps)}")
    functions = [_describe(function, str(folder)) for function in apps[0].get_functions()]
    _refuse_twins(functions)
    return sorted(functions, key=lambda function: function.name.upper())


def _refuse_twins(functions: Iterable[Function]) -> None:
    seen: set[str] = set()
    for function in functions:
        if function.name.upper() in seen:
            raise ValueError(f"{function.name}: function names must differ in more than case")
        seen.add(function.name.upper())


def _describe(function: Any, folder: str) -> Function:
    name = function.get_function_name()
    bindings: list[Binding] = [json.loads(text) for text in function.get_raw_bindings()]
    trigger = next(one for one in bindings if one["name"] == function.get_trigger().name)
    _refuse_unknown(name, function, bindings, trigger)
    user = function.get_user_function()
    return Function(
        name=name,
        call=user,
        is_async=inspect.iscoroutinefunction(user),
        trigger=_resolve(name, trigger),
        inputs=tuple(one for one in bindings if one["direction"].upper() == "IN" and one is not trigger),
        returns=returned_type(bindings, trigger),
        needs_context=check_signature(name, user, bindings, trigger),
        directory=folder,
    )


def _refuse_unknown(name: str, function: Any, bindings: list[Binding], trigger: Binding) -> None:
    if function.get_settings_dict("retry_policy"):
        raise NotEmulated(f"{name}: retry policies")
    if trigger["type"] not in TRIGGERS:
        raise NotEmulated(f"{name}: trigger type {trigger['type']}")
    for binding in bindings:
        if binding is not trigger and binding["type"] not in OTHER_BINDINGS:
            raise NotEmulated(f"{name}: binding type {binding['type']}")
        if binding["type"] == "durableClient" and (binding.get("taskHub") or binding.get("connectionName")):
            raise NotEmulated(f"{name}: a durable client of another task hub")
    if str(trigger.get("cardinality", "one")).lower().endswith("many"):
        raise NotEmulated(f"{name}: batches of messages (cardinality many)")
    if trigger.get("isSessionsEnabled"):
        raise NotEmulated(f"{name}: Service Bus sessions")
    if str(trigger.get("route") or "").strip("/").lower().startswith(_RESERVED_ROUTES):
        raise NotEmulated(f"{name}: a route under admin or runtime, which are the host's own")


def _resolve(name: str, trigger: Binding) -> Binding:
    resolved = {key: expand(value, name) if key in _EXPANDED and value else value for key, value in trigger.items()}
    if trigger["type"] == "serviceBusTrigger" and not (resolved.get("queueName") or resolved.get("subscriptionName")):
        raise BadSetting(f"{name}: a Service Bus trigger needs a queue, or a topic and a subscription")
    return resolved
