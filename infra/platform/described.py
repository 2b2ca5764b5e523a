"""What the platform's stack is told: its configuration, by the names of `pulumi config set runtime-platform:<name>`."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi

from infra.components.ground import Ground
from shared.kernel.canonical import sha256

_HASH = 10
# Settings of the app that only its operator knows. Required, then optional.
ASKED = {"OIDC_ISSUER": "oidcIssuer", "GOVERNANCE_URL": "governanceUrl"}
MAY_BE_GIVEN = {
    "OIDC_AUDIENCE": "oidcAudience",
    "OIDC_TENANT_CLAIM": "oidcTenantClaim",
    "GOVERNANCE_SCOPE": "governanceScope",
    "SECRET_VAULTS": "secretVaults",
    "PROBE_ALLOWED_NETWORKS": "probeAllowedNetworks",
    "UI_CLIENT_ID": "uiClientId",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "otlpEndpoint",
    "ISOLATION_CLIENT_ID": "isolationClientId",
    "ISOLATION_CLIENT_SECRET": "isolationClientSecret",
}


@dataclass(frozen=True)
class Described:
    """`placement` is the subscription of the environments. Images are absent until they are pushed: the registry is made
    by the first run, what runs images by the second."""

    subscription: str
    placement: str
    tenant: str  # the directory
    stage: str
    region: str
    signing_key: pulumi.Input[str]
    app_settings: dict[str, str]
    alert_email: str = ""
    provisioner_image: str = ""
    grpc_image: str = ""
    always_ready: int = 1
    registries: list[str] = field(default_factory=list)  # beside the platform's own

    @property
    def ground(self) -> Ground:
        """Storage accounts, vaults, registries and sites have names that are global: they carry a hash."""
        own = f"{self.stage}-{sha256([self.subscription, self.stage, 'platform'])[:_HASH]}"
        tags = {"cs-stage": self.stage, "cs-platform": "runtime-cloud"}
        return Ground(self.subscription, f"rg-cs-platform-{self.stage}", self.region, self.stage, own, tags)


def described() -> Described:
    """From the stack's configuration. Raises `pulumi.ConfigMissingError`, which names what is missing."""
    config, azure = pulumi.Config("runtime-platform"), pulumi.Config("azure-native")
    subscription = azure.require("subscriptionId")
    settings = {name: config.require(key) for name, key in ASKED.items()}
    settings |= {name: value for name, key in MAY_BE_GIVEN.items() if (value := config.get(key))}
    return Described(
        subscription=subscription,
        placement=config.get("placementSubscriptionId") or subscription,
        tenant=azure.require("tenantId"),
        stage=config.require("stage"),
        region=azure.require("location"),
        signing_key=config.require_secret("signingKey"),
        app_settings=settings,
        alert_email=config.get("alertEmail") or "",
        provisioner_image=config.get("provisionerImage") or "",
        grpc_image=config.get("grpcImage") or "",
        always_ready=config.get_int("alwaysReady") or 1,
        registries=config.get_object("imageRegistries") or [],
    )
