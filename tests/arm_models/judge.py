"""An independent judge of ARM bodies: the models of the official management SDKs, generated from the published API.

`judge(resource_type, body, request=True)` names every property that the model does not know and, in a request, every one
that only the service may set. Two generations of models are read: `_attr_to_rest_field` (TypeSpec) and `_attribute_map`
(AutoRest, with dotted paths for flattened properties). Values are not judged, free-form maps (tags) neither.
"""

from __future__ import annotations

import importlib
import typing
from collections.abc import Iterator
from typing import Any

# REST type → (module of the models, model of the resource, model of a PUT where it is another one)
MODELS: dict[str, tuple[str, str, str]] = {
    "microsoft.resources/resourcegroups": ("azure.mgmt.resource.resources.models", "ResourceGroup", ""),
    "microsoft.resources/resources": ("azure.mgmt.resource.resources.models", "GenericResourceExpanded", ""),
    "microsoft.app/managedenvironments": ("azure.mgmt.appcontainers.models", "ManagedEnvironment", ""),
    "microsoft.app/containerapps": ("azure.mgmt.appcontainers.models", "ContainerApp", ""),
    "microsoft.app/containerapps/revisions": ("azure.mgmt.appcontainers.models", "Revision", ""),
    "microsoft.app/containerapps/revisions/replicas": ("azure.mgmt.appcontainers.models", "Replica", ""),
    "microsoft.app/jobs": ("azure.mgmt.appcontainers.models", "Job", ""),
    "microsoft.app/jobs/executions": ("azure.mgmt.appcontainers.models", "JobExecution", ""),
    "microsoft.app/jobs/start": ("azure.mgmt.appcontainers.models", "JobExecutionBase", "JobExecutionTemplate"),
    "microsoft.keyvault/vaults": ("azure.mgmt.keyvault.models", "Vault", "VaultCreateOrUpdateParameters"),
    "microsoft.managedidentity/userassignedidentities": ("azure.mgmt.msi.v2024_11_30.models", "Identity", ""),
    "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials": (
        "azure.mgmt.msi.v2024_11_30.models",
        "FederatedIdentityCredential",
        "",
    ),
    "microsoft.storage/storageaccounts": ("azure.mgmt.storage.models", "StorageAccount", "StorageAccountCreateParameters"),
    "microsoft.servicebus/namespaces": ("azure.mgmt.servicebus.models", "SBNamespace", ""),
    "microsoft.operationalinsights/workspaces": ("azure.mgmt.loganalytics.models", "Workspace", ""),
    "microsoft.operationalinsights/workspaces/sharedkeys": ("azure.mgmt.loganalytics.models", "SharedKeys", ""),
    "microsoft.containerservice/managedclusters": ("azure.mgmt.containerservice.models", "ManagedCluster", ""),
    "microsoft.containerservice/managedclusters/listclusterusercredential": (
        "azure.mgmt.containerservice.models",
        "CredentialResults",
        "",
    ),
    "microsoft.web/serverfarms": ("azure.mgmt.web.models", "AppServicePlan", ""),
    "microsoft.web/sites": ("azure.mgmt.web.models", "Site", ""),
    "microsoft.web/sites/slots": ("azure.mgmt.web.models", "Site", ""),
    **{
        f"microsoft.web/sites{slots}/{below}": ("azure.mgmt.web.models", answered, sent)
        for slots in ("", "/slots")
        for below, answered, sent in (
            ("config", "StringDictionary", ""),
            ("config/list", "StringDictionary", ""),
            ("instances", "WebSiteInstanceStatus", ""),
            ("functions", "FunctionEnvelope", ""),
            ("slotsswap", "CsmSlotEntity", "CsmSlotEntity"),
        )
    },
    "microsoft.insights/autoscalesettings": ("azure.mgmt.monitor.models", "AutoscaleSettingResource", ""),
    "microsoft.authorization/roleassignments": (
        "azure.mgmt.authorization.v2022_04_01.models",
        "RoleAssignment",
        "RoleAssignmentCreateParameters",
    ),
}


def judge(resource_type: str, body: dict[str, Any], *, request: bool) -> list[str]:
    """The body's offences, one line each; empty when there are none.

    `request`: the body is sent (a PUT, or the POST of an action), not answered. Raises `KeyError` for a type without a
    model and `ModuleNotFoundError` when its SDK is not installed.
    """
    module_name, answered, sent = MODELS[resource_type.lower()]
    module = importlib.import_module(module_name)
    model = getattr(module, sent if request and sent else answered)
    return list(_offences(body, model, request=request, path="$"))


def type_of(path: str) -> str:
    """The REST type that a request path is about, for `judge`: the last provider's types, without the names.

    >>> type_of("/subscriptions/s/resourceGroups/g/providers/Microsoft.App/jobs/j/start?api-version=1")
    'Microsoft.App/jobs/start'
    """
    segments = [segment for segment in path.partition("?")[0].split("/") if segment]
    at = max((n for n, segment in enumerate(segments) if segment.lower() == "providers"), default=-1)
    if at < 0:
        return "Microsoft.Resources/" + ("resources" if len(segments) > 4 else "resourceGroups")
    return "/".join((segments[at + 1], *segments[at + 2 :: 2]))


def _offences(body: dict[str, Any], model: type, *, request: bool, path: str) -> Iterator[str]:
    fields = _autorest_fields(model) if getattr(model, "_attribute_map", None) else _typespec_fields(model)
    yield from _walk(body, fields, request=request, path=path)


def _walk(body: dict[str, Any], fields: dict[str, tuple[bool, Any]], *, request: bool, path: str) -> Iterator[str]:
    for key, value in body.items():
        here = f"{path}.{key}"
        if key not in fields:
            yield f"{here}: unknown"
            continue
        read_only, child = fields[key]
        if request and read_only:
            yield f"{here}: read-only"
        if child is not None:
            yield from _children(value, child, request=request, path=here)


def _children(value: Any, child: Any, *, request: bool, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _children(item, child, request=request, path=f"{path}[{number}]")
    elif isinstance(value, dict):
        if isinstance(child, dict):
            yield from _walk(value, child, request=request, path=path)
        elif isinstance(child, tuple):  # a map of models: its keys are free
            for key, item in value.items():
                yield from _children(item, child[0], request=request, path=f"{path}.{key}")
        else:
            yield from _offences(value, child, request=request, path=path)


def _typespec_fields(model: type) -> dict[str, tuple[bool, Any]]:
    model({})  # the models fill their field tables at the first instance
    fields = {}
    for name, field in model._attr_to_rest_field.items():  # type: ignore[attr-defined]
        owner = next(one for one in model.__mro__ if name in vars(one).get("__annotations__", {}))
        names = {**vars(typing), **vars(importlib.import_module(owner.__module__))}
        names["_models"] = importlib.import_module(owner.__module__.rpartition(".")[0])
        child = _model_in(vars(owner)["__annotations__"][name], names)
        fields[field._rest_name] = (field._visibility == ["read"], child)
    return fields


def _model_in(annotation: Any, names: dict[str, Any]) -> Any:
    """The model in an annotation; in a tuple when it is the value of a map."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        annotation = eval(annotation, names)  # noqa: S307 - the SDK's own annotation
    if isinstance(annotation, type) and any(base.__name__ == "Model" for base in annotation.__mro__):
        return annotation
    found = [one for one in (_model_in(part, names) for part in typing.get_args(annotation)) if one is not None]
    if not found:
        return None
    return (found[0],) if typing.get_origin(annotation) is dict else found[0]


def _autorest_fields(model: type) -> dict[str, tuple[bool, Any]]:
    fields: dict[str, tuple[bool, Any]] = {}
    for name, place in model._attribute_map.items():  # type: ignore[attr-defined]
        read_only = bool(model._validation.get(name, {}).get("readonly"))  # type: ignore[attr-defined]
        *outer, last = place["key"].split(".")
        level = fields
        for part in outer:  # flattened: "properties.clientId"
            level = level.setdefault(part, (False, {}))[1]
        level[last] = (read_only, _autorest_child(model, place["type"]))
    return fields


def _autorest_child(model: type, described: str) -> Any:
    """`[Model]`, `{Model}` or `Model`; None for plain values."""
    module = importlib.import_module(model.__module__)
    child = getattr(module, described.strip("[]{}"), None)
    if child is None or not hasattr(child, "_attribute_map"):
        return None
    return (child,) if described.startswith("{") else child
