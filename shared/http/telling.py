"""An attempt that changed nothing, as the timeline tells it: what was tried, on what, how it ended and why.

Made of our own words, of codes and of names that the caller may see, cut to size: never of a value of the request, which
could be a secret in the wrong place, and never of an exception's text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.access.governance import ReceiptRefused
from shared.events.journal import Outcome
from shared.http.problem_table import shown
from shared.kernel import errors

NAMED = 5  # fields or reasons in one sentence

_KINDS = {
    "configurations": "configuration",
    "deployments": "deployment",
    "drift": "drift",
    "environments": "environment",
    "operations": "operation",
    "scaling-policies": "scaling-policy",
    "secret-bindings": "secret-binding",
}

_WHY: Mapping[type[BaseException], Callable[[Any], str]] = {
    errors.MalformedRequest: lambda error: _listed(error.errors),
    errors.ValidationFailed: lambda error: _listed(error.errors),
    errors.TargetNotEnabled: lambda error: shown(error.target),
    errors.InsufficientScope: lambda error: f"needs {shown(error.needed)}",
    errors.PolicyDenied: lambda error: _listed(error.reasons),
    ReceiptRefused: lambda error: shown(error.reason),
    errors.EnvironmentNotReady: lambda error: f"it is {shown(error.status)}",
    errors.OperationInFlight: lambda error: f"{shown(error.operation_id)} holds the environment",
    errors.NotCancellable: lambda error: f"it is {shown(error.status)}",
    errors.NotPaused: lambda error: f"it is {shown(error.status)}",
    errors.NotRetryable: lambda error: f"it is {shown(error.status)}",
    errors.NameTaken: lambda error: shown(error.name),
    errors.Transient: lambda error: f"{shown(error.dependency)} could not be asked",
    errors.Refused: lambda error: f"{shown(error.dependency)}: {shown(error.code)}",
}


def kind_of(action: str, ended: str) -> str:
    """The kind of entry, in the same group as what the action makes when it works: "deployment.deploy-denied"."""
    group, _, verb = action.partition(".")
    return f"{_KINDS.get(group, group)}.{verb}-{ended.lower()}"


def summary(
    action: str, resource: str, outcome: Outcome, code: str | None = None, error: BaseException | None = None
) -> str:
    """Such as "publish configuration on env-… was denied: PolicyDenied (change-freeze)"."""
    tried = _tried(action) if resource.startswith("/") else f"{_tried(action)} on {shown(resource)}"
    if outcome is Outcome.REPLAYED:
        return f"{tried} was replayed: the same key and request, answered as before"
    ended = "was denied" if outcome is Outcome.DENIED else "failed"
    return f"{tried} {ended}" + (f": {code}" if code else "") + _because(error)


def _tried(action: str) -> str:
    group, _, verb = action.partition(".")
    what = _KINDS.get(group, group).replace("-", " ")
    words = verb.replace("-", " ")
    return words if what.startswith(words) else f"{words} {what}"


def _because(error: BaseException | None) -> str:
    why = next((_WHY[kind](error) for kind in type(error).__mro__ if kind in _WHY), "")
    return f" ({why})" if why else ""


def _listed(names: Any) -> str:
    found = [shown(str(name)) for name in names if name]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


def rehearsed(action: str, resource: str, codes: Sequence[str]) -> str:
    """The sentence of a dry run."""
    tried = _tried(action) if resource.startswith("/") else f"{_tried(action)} on {shown(resource)}"
    return f"{tried} was tried as a dry run: " + (", ".join(codes[:NAMED]) if codes else "nothing stands in its way")
