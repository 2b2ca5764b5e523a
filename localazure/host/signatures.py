"""A function's Python signature against its bindings: what Azure's worker refuses when it loads the app, refused here too.

Azure shows such a function as missing, silently; locally the host must not be the more tolerant one. The rules are those of
azure-functions-runtime (functions.py): parameters and bindings pair, annotations are plain classes (`list[int]` and unions
are none; `typing.List[int]` passes), and they fit what the binding's converter hands over.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import azure.functions as func
from azure.functions._thirdparty.typing_inspect import is_generic_type

from localazure.host.configuration import NotEmulated

_RAW = (str, bytes)


def converter(binding_type: str) -> Any:
    """The library's converter of a binding type. Untyped there, hence Any."""
    return func.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]


def returned_type(bindings: Sequence[Mapping[str, Any]], trigger: Mapping[str, Any]) -> str | None:
    """The binding type that carries what the function returns; None when it may return nothing."""
    declared = next((str(one["type"]) for one in bindings if one["name"] == "$return"), None)
    implicit = converter(trigger["type"]).has_implicit_output()
    return declared or (str(trigger["type"]) if implicit else None)


def check_signature(
    name: str, user: Callable[..., Any], bindings: Sequence[Mapping[str, Any]], trigger: Mapping[str, Any]
) -> bool:
    """Whether the function takes the invocation context. Raises `ValueError` or `NotEmulated` naming the function."""
    parameters = set(inspect.signature(user).parameters)
    bound = {str(one["name"]): str(one["type"]) for one in bindings}
    explicit = bound.pop("$return", None)
    needs_context = "context" in parameters - bound.keys()
    unpaired = (parameters ^ bound.keys()) - ({"context"} if needs_context else set())
    if unpaired:
        raise ValueError(f"{name}: parameters and bindings do not pair: {', '.join(sorted(unpaired))}")
    hints = typing.get_type_hints(user)
    if needs_context and getattr(hints.get("context", func.Context), "__name__", "") != "Context":
        raise ValueError(f"{name}: the parameter context must be an azure.functions.Context")
    for parameter, binding_type in bound.items():
        if parameter in hints:
            _check_parameter(f"{name}: parameter {parameter}", hints[parameter], binding_type, trigger)
    if explicit and "return" in hints:
        _check_return(name, hints["return"], explicit)
    return needs_context


def _check_parameter(who: str, hint: Any, binding_type: str, trigger: Mapping[str, Any]) -> None:
    if not isinstance(hint, type) and not is_generic_type(hint):  # type: ignore[no-untyped-call]
        raise ValueError(f"{who} has the annotation {hint!r}, which is no class: the worker refuses it")
    handed_over = converter(binding_type)
    raw = hint in _RAW and not handed_over.has_implicit_output()
    if raw and binding_type == trigger["type"]:
        raise NotEmulated(f"{who} as {hint.__name__}: triggers that hand over raw data")
    if not raw and not handed_over.check_input_type_annotation(hint):
        raise ValueError(f"{who} has the annotation {hint!r}, which a {binding_type} does not hand over")


def _check_return(name: str, hint: Any, binding_type: str) -> None:
    if not isinstance(hint, type):
        raise ValueError(f"{name}: the return annotation {hint!r} is no class: the worker refuses it")
    if not converter(binding_type).check_output_type_annotation(hint):
        raise ValueError(f"{name}: the return annotation {hint!r} does not fit the binding {binding_type}")
