"""The rules, as plain functions of a resource's type and inputs; `__main__` gives them to Pulumi.

They judge what a program asks for, before anything is made, and say why not in one sentence; None: nothing to say. A
property that is not given counts as what Azure then does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Inputs = Mapping[str, Any]
Rule = Callable[[str, Inputs], str | None]

TAGS: Final = ("cs-stage",)
REGIONS: Final = ("westeurope", "northeurope", "germanywestcentral", "swedencentral", "francecentral")
GLOBAL: Final = ("global",)
_AZURE: Final = "azure-native:"
# Those that are opened to networks by something else than their own switch.
_CLOSABLE: Final = ("keyvault:Vault",)
_TLS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "storage:StorageAccount": ("minimumTlsVersion", ("TLS1_2", "TLS1_3")),
    "servicebus:Namespace": ("minimumTlsVersion", ("1.2", "1.3")),
    "web:WebApp": ("siteConfig.minTlsVersion", ("1.2", "1.3")),
}
_KEYS_OFF: Final[dict[str, tuple[str, bool]]] = {
    "storage:StorageAccount": ("allowSharedKeyAccess", False),
    "servicebus:Namespace": ("disableLocalAuth", True),
    "containerservice:ManagedCluster": ("disableLocalAccounts", True),
    "containerregistry:Registry": ("adminUserEnabled", False),
    "applicationinsights:Component": ("DisableLocalAuth", True),
}


@dataclass(frozen=True)
class Policy:
    name: str
    description: str
    rule: Rule


def kind_of(type_token: str) -> str:
    """`keyvault:Vault` of `azure-native:keyvault:Vault` and of `azure-native:keyvault/v20241101:Vault`; "" of others."""
    if not type_token.startswith(_AZURE):
        return ""
    module, _, name = type_token.removeprefix(_AZURE).partition(":")
    return f"{module.partition('/')[0]}:{name}"


def given(inputs: Inputs, path: str) -> Any:
    found: Any = inputs
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def no_public_access(type_token: str, inputs: Inputs) -> str | None:
    kind = kind_of(type_token)
    if kind in _CLOSABLE and given(inputs, "properties.publicNetworkAccess") != "Disabled":
        return "a vault answers to private endpoints alone: properties.publicNetworkAccess must be Disabled"
    if kind == "storage:StorageAccount" and inputs.get("allowBlobPublicAccess") is not False:
        return "blobs are nobody's without a token: allowBlobPublicAccess must be false"
    if kind == "storage:BlobContainer" and inputs.get("publicAccess") not in (None, "None"):
        return "blobs are nobody's without a token: publicAccess must be None"
    if kind == "containerregistry:Registry" and inputs.get("anonymousPullEnabled"):
        return "images are pulled with a role: anonymousPullEnabled must be false"
    return None


def tls(type_token: str, inputs: Inputs) -> str | None:
    kind = kind_of(type_token)
    if kind in _TLS:
        path, allowed = _TLS[kind]
        if given(inputs, path) not in allowed:
            return f"TLS 1.2 at least: {path} must be one of {', '.join(allowed)}"
    if kind == "web:WebApp" and inputs.get("httpsOnly") is not True:
        return "nothing is served without TLS: httpsOnly must be true"
    if kind == "app:ContainerApp" and given(inputs, "configuration.ingress.allowInsecure"):
        return "nothing is served without TLS: ingress.allowInsecure must be false"
    return None


def no_shared_keys(type_token: str, inputs: Inputs) -> str | None:
    kind = kind_of(type_token)
    if kind not in _KEYS_OFF:
        return None
    path, wanted = _KEYS_OFF[kind]
    found = inputs.get(path, inputs.get(path[0].lower() + path[1:]))
    return None if found is wanted else f"identities and roles, no keys: {path} must be {str(wanted).lower()}"


def tagged(type_token: str, inputs: Inputs) -> str | None:
    if not kind_of(type_token) or "location" not in inputs:
        return None
    tags = inputs.get("tags") or {}
    lacking = [name for name in TAGS if not tags.get(name)]
    if not any(tags.get(name) for name in ("cs-environment-id", "cs-pool", "cs-platform")):
        lacking.append("cs-environment-id, cs-pool or cs-platform")
    return f"whose is it? It lacks the tags {', '.join(lacking)}" if lacking else None


def in_allowed_regions(type_token: str, inputs: Inputs, regions: tuple[str, ...] = REGIONS) -> str | None:
    location = inputs.get("location")
    if not kind_of(type_token) or not isinstance(location, str):
        return None
    place = location.replace(" ", "").lower()
    return None if place in (*regions, *GLOBAL) else f"{location} is not among the regions {', '.join(regions)}"


POLICIES: Final = (
    Policy("no-public-access", "Nothing that holds data is open to the public.", no_public_access),
    Policy("tls", "Whatever serves, serves with TLS 1.2 at least.", tls),
    Policy("no-shared-keys", "What can do without keys does without.", no_shared_keys),
    Policy("tagged", "Every resource says whose it is.", tagged),
    Policy("regions", "Resources stand in the regions that were agreed on.", in_allowed_regions),
)
