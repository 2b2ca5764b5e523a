"""What is sent to App Service, as pure functions of site, stamp and workload: container sites, their slot, their settings.

Two flavours share everything but a few words: function apps on an Elastic Premium plan, web apps on a Premium plan. What
makes a revision is *content* and moves with a swap: the image and the app settings, among them `CS_REVISION` and a hash of
what runs, by which the content is known again wherever it is. What belongs to a place (production, the slot) stays there:
tags, scale, TLS, identity, and the settings that are named sticky.

A Key Vault reference is App Service's own, with its version: `@Microsoft.KeyVault(SecretUri=…)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.kernel.canonical import sha256
from shared.kernel.errors import Refused
from shared.targets import naming
from shared.targets.port import SecretReference, Site, Stamp, Workload

Json = dict[str, Any]

SLOT: Final = "staging"
REFERENCE_PREFIX: Final = "@Microsoft.KeyVault(SecretUri="
DOCKER: Final = "DOCKER|"
SCALING_TAG: Final = "cs-scaling"  # the policy of the place, in short; absent without one
REVISION, RELEASE, IMAGE, CONTENT = "CS_REVISION", "CS_RELEASE", "CS_IMAGE", "CS_CONTENT"
HOST_ID: Final = "AzureFunctionsWebHost__hostid"
_LONGEST_SERVICE: Final = 23  # with a dash, 16 digits of the environment and "-staging" within one DNS label
_STORAGE: Final = "AzureWebJobsStorage__"
# What the platform's own settings are called; everything else is the workload's.
_OWN: Final = frozenset(
    {
        REVISION,
        RELEASE,
        IMAGE,
        CONTENT,
        HOST_ID,
        "WEBSITES_PORT",
        "WEBSITES_ENABLE_APP_SERVICE_STORAGE",
        "WEBSITE_SWAP_WARMUP_PING_PATH",
        "FUNCTIONS_EXTENSION_VERSION",
    }
)


@dataclass(frozen=True)
class Flavour:
    """`target` is the contract's name; `plan` the output with the plan's id."""

    target: str
    kind: str
    plan: str

    @property
    def is_functions(self) -> bool:
        return self.kind.startswith("functionapp")

    def has(self, document: Mapping[str, Any]) -> bool:
        """Whether a site that App Service tells of is of this flavour."""
        return str(document.get("kind", "")).lower().startswith("functionapp") == self.is_functions


FUNCTIONS: Final = Flavour("functions", "functionapp,linux,container", "functionsPlanId")
APP_SERVICE: Final = Flavour("app-service", "app,linux,container", "appServicePlanId")


def site_name(site: Site, service_id: str) -> str:
    """Names of sites are global: the environment's own part keeps them apart."""
    return f"{naming.fitted(service_id, _LONGEST_SERVICE)}-{site.environment_id.removeprefix('env-')[:16]}"


def collection(site: Site) -> str:
    group = f"/subscriptions/{site.subscription_id}/resourceGroups/{site.resource_group}"
    return f"{group}/providers/Microsoft.Web/sites"


def site_id(site: Site, service_id: str) -> str:
    return f"{collection(site)}/{site_name(site, service_id)}"


def slot_id(site: Site, service_id: str) -> str:
    return f"{site_id(site, service_id)}/slots/{SLOT}"


def plan_id(flavour: Flavour, site: Site) -> str:
    """Raises `Refused` when the environment's engine put out no plan."""
    plan = site.outputs.get(flavour.plan)
    if not plan:
        raise Refused("arm", "PlanMissing", f"the environment has no output {flavour.plan}")
    return plan


def place(flavour: Flavour, site: Site, tags: Mapping[str, str], config: Json, *, enabled: bool) -> Json:
    """The body of a PUT of the production site or the slot. A `config` without image and settings keeps what stands."""
    identity, client = site.outputs.get("identityId"), site.outputs.get("identityClientId")
    fixed: Json = {"minTlsVersion": "1.2", "scmMinTlsVersion": "1.2", "ftpsState": "Disabled", "http20Enabled": True}
    if not flavour.is_functions:
        fixed["alwaysOn"] = True
    properties: Json = {
        "serverFarmId": plan_id(flavour, site),
        "reserved": True,  # Linux
        "enabled": enabled,
        "httpsOnly": True,
        "clientAffinityEnabled": False,
    }
    body: Json = {"kind": flavour.kind, "location": site.region, "tags": dict(tags)}
    if identity:
        body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
        properties["keyVaultReferenceIdentity"] = identity
        fixed["acrUseManagedIdentityCreds"] = True
        if client:
            fixed["acrUserManagedIdentityID"] = client
    return {**body, "properties": {**properties, "siteConfig": {**fixed, **config}}}


def tags(site: Site, stamp: Stamp, workload: Workload) -> dict[str, str]:
    """A place's own; the policy tag is there only with a policy."""
    policy = workload.scaling
    told = naming.tags(site, stamp, workload.service_id)
    if policy is not None:
        bounds = f"{policy.metric} {policy.min_replicas} {policy.max_replicas} {policy.target_utilization_percent}"
        told[SCALING_TAG] = bounds
    return told


def content(flavour: Flavour, site: Site, workload: Workload, sticky: Mapping[str, str]) -> Json:
    """Image, health check and app settings, the sticky ones of the place among them."""
    settings = {
        **_platform(flavour, site, workload),
        **{name: _value(value) for name, value in workload.env.items()},
        REVISION: workload.revision,
        RELEASE: workload.release,
        CONTENT: digest(DOCKER + workload.reference, {name: _value(value) for name, value in workload.env.items()}),
        **sticky,
    }
    if workload.digest is not None:
        settings[IMAGE] = naming.image_mark(workload)
    config: Json = {
        "linuxFxVersion": DOCKER + workload.reference,
        "appSettings": [{"name": name, "value": value} for name, value in sorted(settings.items())],
    }
    if workload.health.format != "grpc":
        config["healthCheckPath"] = workload.health.path
    return config


def _platform(flavour: Flavour, site: Site, workload: Workload) -> dict[str, str]:
    settings = {"WEBSITES_PORT": str(workload.health.port), "WEBSITES_ENABLE_APP_SERVICE_STORAGE": "false"}
    if workload.health.format != "grpc":
        settings["WEBSITE_SWAP_WARMUP_PING_PATH"] = workload.health.path
    if flavour.is_functions:
        settings["FUNCTIONS_EXTENSION_VERSION"] = "~4"
        if account := site.outputs.get("functionsStorageAccount"):  # by identity: no key of it is anywhere
            settings |= {f"{_STORAGE}accountName": account, f"{_STORAGE}credential": "managedidentity"}
            if client := site.outputs.get("identityClientId"):
                settings[f"{_STORAGE}clientId"] = client
    return settings


def sticky(flavour: Flavour, site: Site, service_id: str, consuming: Sequence[str], *, slot: bool) -> dict[str, str]:
    """What stays with a place. In the slot every function that something else than a call triggers is disabled: there is no
    one switch for all of them (Azure/azure-functions-host#2412). Two hosts on one storage account need ids of their own."""
    if not flavour.is_functions:
        return {}
    held = {HOST_ID: f"{'s' if slot else 'p'}{sha256(site_id(site, service_id).lower())[:30]}"}
    return held | ({disabled(name): "true" for name in consuming} if slot else {})


def disabled(function: str) -> str:
    return f"AzureWebJobs.{function}.Disabled"


def digest(version: str, variables: Mapping[str, str]) -> str:
    """Of what runs: an edit behind our back makes another one than `CS_CONTENT` says."""
    return sha256([version, dict(variables)])[:16]


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """The workload's own of all app settings, as they are set."""
    return {
        name: value
        for name, value in settings.items()
        if name not in _OWN and not name.startswith(_STORAGE) and not _disables(name)
    }


def _disables(name: str) -> bool:
    return name.startswith("AzureWebJobs.") and name.endswith(".Disabled")


def _value(value: str | SecretReference) -> str:
    return f"{REFERENCE_PREFIX}{naming.secret_uri(value)})" if isinstance(value, SecretReference) else value
