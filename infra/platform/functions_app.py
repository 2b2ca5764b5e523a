"""The Functions app on a Flex Consumption plan: instances that are always ready, its package in a container of its own.

It reads its package, its storage, its queues and its orchestrations as its identity; the ways in that ask for a password
(FTP, the deployment site's) are off. It stands in a subnet, from where it reaches vaults by their private endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_azure_native import web

from infra.components import logs
from infra.components.ground import Component, Ground, Named
from infra.components.identity import Identity
from infra.components.storage import Account
from infra.platform.durable import CONNECTION, Scheduler
from infra.platform.settings import Text

API_VERSION = "2024-04-01"
PYTHON = "3.13"
PACKAGES = "app-packages"  # the container of its package
_MOST_INSTANCES, _MEMORY = 100, 2048


class FunctionsApp(Component):
    def __init__(
        self,
        ground: Ground,
        identity: Identity,
        account: Account,
        scheduler: Scheduler,
        *,
        settings: Mapping[str, Text],
        subnet: str,
        workspace: str,
        always_ready: int,
        parent: pulumi.Resource,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("FunctionsApp", "FunctionsAppOf", parent)
        self.named: Named = ground.called("FunctionsApp", "Microsoft.Web/sites", "func-cs", API_VERSION)
        plan = self._plan(ground, after)
        given: dict[str, Text] = {
            **settings,
            **_hosts_own(identity, account),
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": _signed_in(identity),
            CONNECTION: scheduler.connection(identity.client_id),
        }
        self.resource = web.WebApp(
            self.named.step,
            name=self.named.name,
            kind="functionapp,linux",
            server_farm_id=plan.id,
            identity={"type": "UserAssigned", "user_assigned_identities": [identity.named.id]},
            key_vault_reference_identity=identity.named.id,
            https_only=True,
            client_affinity_enabled=False,
            virtual_network_subnet_id=subnet,
            function_app_config=_config(identity, account, always_ready),
            site_config={
                "min_tls_version": "1.2",
                "scm_min_tls_version": "1.2",
                "ftps_state": "Disabled",
                "http20_enabled": True,
                "app_settings": [{"name": name, "value": value} for name, value in sorted(given.items())],
            },
            opts=ground.options(self.named, self, [*after, scheduler.hub_resource]),
            **ground.tracked(),
        )
        self._no_passwords(ground)
        logs.diagnose(ground, "FunctionsAppLogs", self.named, workspace, parent=self, after=[self.resource])
        self.host: pulumi.Output[str] = self.resource.default_host_name
        self.register_outputs({"id": self.resource.id})

    def _plan(self, ground: Ground, after: list[pulumi.Resource]) -> web.AppServicePlan:
        named = ground.called("FlexPlan", "Microsoft.Web/serverfarms", "plan-flex", API_VERSION)
        return web.AppServicePlan(
            named.step,
            name=named.name,
            kind="functionapp",
            reserved=True,  # Linux
            sku={"name": "FC1", "tier": "FlexConsumption"},
            zone_redundant=ground.production,
            opts=ground.options(named, self, after),
            **ground.tracked(),
        )

    def _no_passwords(self, ground: Ground) -> None:
        for step, kind, name in (
            ("FtpPasswords", web.WebAppFtpAllowed, "ftp"),
            ("DeploymentPasswords", web.WebAppScmAllowed, "scm"),
        ):
            named = Named(step, f"{self.named.id}/basicPublishingCredentialsPolicies/{name}", API_VERSION)
            kind(
                step,
                name=self.named.name,
                resource_group_name=ground.group,
                allow=False,
                opts=ground.options(named, self, [self.resource]),
            )


def _hosts_own(identity: Identity, account: Account) -> dict[str, Text]:
    return {
        "AzureWebJobsStorage__accountName": account.named.name,
        "AzureWebJobsStorage__credential": "managedidentity",
        "AzureWebJobsStorage__clientId": identity.client_id,
        "ServiceBus__credential": "managedidentity",
        "ServiceBus__clientId": identity.client_id,
        "AzureWebJobsDisableHomepage": "true",
    }


def _signed_in(identity: Identity) -> pulumi.Output[str]:
    return pulumi.Output.format("ClientId={0};Authorization=AAD", identity.client_id)


def _config(identity: Identity, account: Account, always_ready: int) -> dict[str, Any]:
    return {
        "runtime": {"name": "python", "version": PYTHON},
        "deployment": {
            "storage": {
                "type": "blobContainer",
                "value": f"https://{account.named.name}.blob.core.windows.net/{PACKAGES}",
                "authentication": {
                    "type": "UserAssignedIdentity",
                    "user_assigned_identity_resource_id": identity.named.id,
                },
            }
        },
        "scale_and_concurrency": {
            "maximum_instance_count": _MOST_INSTANCES,
            "instance_memory_mb": _MEMORY,
            "always_ready": [{"name": group, "instance_count": always_ready} for group in ("http", "durable")],
        },
    }
