"""The platform: its state, its queues, its orchestrations, the app, the job that makes environments, and who may do what.

Four identities: the app's, the gRPC service's, the provisioner's, and the one as which vaults' notices are sent. Outputs
are what the next step needs: images to push, the package to publish, the stack that environments and pools name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_azure_native import applicationinsights, resources

from infra.components.container_apps import ManagedEnvironment
from infra.components.ground import Component, Named
from infra.components.identity import Identity
from infra.components.logs import Workspace
from infra.components.network import Network, Subnets
from infra.components.storage import Account
from infra.components.vault import Vault
from infra.platform import containers
from infra.platform.access import Access
from infra.platform.alerts import Alerts
from infra.platform.described import Described
from infra.platform.durable import Scheduler
from infra.platform.functions_app import PACKAGES, FunctionsApp
from infra.platform.keys import Secrets
from infra.platform.messaging import Messaging
from infra.platform.notices import Notices
from infra.platform.settings import GRPC, Found, Text, provisioner_settings, shared_settings
from infra.platform.workbook import workbook

STATE, TABLE = "pulumi-state", "runtime"  # a container, a table
SPACE = "10.41.0.0/16"
SUBNETS: Subnets = {
    "functions": ("10.41.0.0/24", "Microsoft.App/environments"),  # what Flex Consumption is delegated
    "container-apps": ("10.41.2.0/23", "Microsoft.App/environments"),
    "private-endpoints": ("10.41.4.0/22", None),  # one for every environment's vault
}


class Platform(Component):
    """`told`: the outputs."""

    def __init__(self, described: Described) -> None:
        super().__init__("Platform", described.stage)
        self._described, self._ground = described, described.ground
        ground = self._ground
        named = Named("ResourceGroup", ground.group_id, "2025-04-01")
        group = resources.ResourceGroup(named.step, opts=ground.options(named, self), **ground.tracked())
        self._network = Network(ground, SPACE, SUBNETS, parent=self, after=[group])
        self._logs = Workspace(ground, parent=self, after=[group])
        self._settled: list[pulumi.Resource] = [group, self._network.resource, self._network.link, self._logs.resource]
        self._shared: dict[str, Any] = {"parent": self, "after": self._settled}
        self._identities()
        self._stores()
        self._registry = containers.Registry(ground, **self._shared)
        self._environment = ManagedEnvironment(
            ground, subnet=self._network.subnet_id("container-apps"), workspace=self._logs.named.id, **self._shared
        )
        self._insights = self._application_insights()
        access = Access(
            described, self._app, self._grpc, self._provisioner, self._secrets, self._account, self._state, self._messaging,
            self._scheduler, self._notices, self._insights_named, parent=self,
        )  # fmt: skip
        found = self._found()
        site = self._functions_app(found, access.of_app)
        self._containers(found, access)
        Alerts(ground, workspace=self._logs.named, bus=self._messaging.named, email=described.alert_email, **self._shared)
        workbook(ground, self._insights_named, parent=self, after=[*self._settled, self._insights])
        self.told = self._outputs(site)
        self.register_outputs({})

    def _identities(self) -> None:
        self._app = Identity(self._ground, "AppIdentity", "id-app", **self._shared)
        self._grpc = Identity(self._ground, "GrpcIdentity", "id-grpc", **self._shared)
        self._provisioner = Identity(self._ground, "ProvisionerIdentity", "id-provisioner", **self._shared)

    def _stores(self) -> None:
        ground, workspace = self._ground, self._logs.named.id
        self._vault = Vault(ground, self._described.tenant, workspace=workspace, **self._shared)
        subnet, zone = self._network.subnet_id("private-endpoints"), self._network.zone.id
        self._vault.opened(ground, "VaultEndpoint", "pe-kv", subnet=subnet, zone=zone, after=self._settled)
        self._secrets = Secrets(ground, self._vault, self._described.signing_key, parent=self)
        self._account = Account(ground, "AppStorage", "st", workspace=workspace, protect=ground.production, **self._shared)
        self._packages = self._account.container("PackageContainer", PACKAGES)
        self._account.table("RuntimeTable", TABLE)
        self._state = Account(ground, "StateStorage", "stp", workspace=workspace, protect=ground.production, **self._shared)
        self._state.versioned("StateVersions")
        self._state.container("StateContainer", STATE)
        self._messaging = Messaging(ground, workspace=workspace, **self._shared)
        self._scheduler = Scheduler(ground, **self._shared)
        self._notices = Notices(ground, self._account, self._messaging, **self._shared)

    def _application_insights(self) -> applicationinsights.Component:
        ground = self._ground
        self._insights_named = ground.called("Insights", "Microsoft.Insights/components", "appi", "2020-02-02")
        return applicationinsights.Component(
            "Insights",
            resource_name_=self._insights_named.name,
            application_type="web",
            kind="web",
            workspace_resource_id=self._logs.named.id,
            disable_local_auth=True,
            opts=ground.options(self._insights_named, self, self._settled),
            **ground.tracked(),
        )

    def _found(self) -> Found:
        return Found(
            tables_endpoint=f"https://{self._account.named.name}.table.core.windows.net",
            bus_host=self._messaging.host,
            job_id=containers.job_name(self._ground).id,
            registry=self._registry.server,
            insights=self._insights.connection_string,
        )

    def _functions_app(self, found: Found, allowed: list[pulumi.Resource]) -> FunctionsApp:
        settings = shared_settings(self._described, found, self._app.client_id, self._secrets.signing_reference)
        return FunctionsApp(
            self._ground,
            self._app,
            self._account,
            self._scheduler,
            settings=settings,
            subnet=self._network.subnet_id("functions"),
            workspace=self._logs.named.id,
            always_ready=self._described.always_ready,
            parent=self,
            after=[*self._settled, *allowed, self._packages],
        )

    def _containers(self, found: Found, access: Access) -> None:
        """What has an image. Roles first: a container that starts without them fails and is not asked again."""
        described, ground = self._described, self._ground
        for image, identity, allowed, step, more, made in (
            (described.provisioner_image, self._provisioner, access.of_provisioner, "ProvisionerPull", self._engine(),
             containers.provisioner),
            (described.grpc_image, self._grpc, access.of_grpc, "GrpcPull", GRPC, containers.grpc_service),
        ):  # fmt: skip
            if not image:
                continue
            pulls = self._registry.pulled_by(ground, step, identity)
            settings = shared_settings(described, found, identity.client_id, "")
            made(
                ground,
                self._environment,
                identity,
                self._registry,
                image=image,
                settings={**settings, **more},
                signing_uri=self._secrets.signing_uri,
                parent=self,
                after=[pulls, self._environment.resource, *allowed],
            )

    def _engine(self) -> Mapping[str, Text]:
        backend = f"azblob://{STATE}?storage_account={self._state.named.name}"
        return provisioner_settings(backend, self._secrets.provider, self._environments_lean_on())

    def _environments_lean_on(self) -> Mapping[str, str]:
        """By the outputs of `engine.PLATFORM`."""
        return {
            "registryId": self._registry.named.id,
            "endpointsSubnetId": self._network.subnet_id("private-endpoints"),
            "vaultZoneId": self._network.zone.id,
            **self._notices.told,
        }

    def _outputs(self, site: FunctionsApp) -> dict[str, Text]:
        return {
            "resourceGroup": self._ground.group,
            "functionsApp": site.named.name,
            "apiHost": site.host,
            "registryServer": self._registry.server,
            **self._environments_lean_on(),
            "stateBackend": self._engine()["PULUMI_BACKEND_URL"],
            "secretsProvider": self._secrets.provider,
        }
