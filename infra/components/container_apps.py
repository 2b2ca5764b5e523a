"""A Container Apps environment in a subnet of its own. Logs go through Azure Monitor, so that no shared key is needed."""

from __future__ import annotations

from typing import Any, Final

import pulumi
from pulumi_azure_native import app

from infra.components import logs
from infra.components.ground import Component, Ground, Named

KIND: Final = "Microsoft.App/managedEnvironments"
STEP: Final = "ManagedEnvironment"


def environment_name(ground: Ground) -> Named:
    return ground.called(STEP, KIND, "cae", "2025-01-01")


class ManagedEnvironment(Component):
    def __init__(
        self,
        ground: Ground,
        identity: str | None = None,
        *,
        subnet: str,
        workspace: str,
        parent: pulumi.Resource | None = None,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("ManagedEnvironment", "ContainerAppsOf", parent)
        self.named: Named = environment_name(ground)
        assigned: dict[str, Any] = (
            {"identity": {"type": "UserAssigned", "user_assigned_identities": [identity]}} if identity else {}
        )
        self.resource = app.ManagedEnvironment(
            self.named.step,
            environment_name=self.named.name,
            app_logs_configuration={"destination": "azure-monitor"},
            vnet_configuration={"infrastructure_subnet_id": subnet, "internal": False},
            workload_profiles=[{"name": "Consumption", "workload_profile_type": "Consumption"}],
            peer_traffic_configuration={"encryption": {"enabled": True}},
            zone_redundant=ground.production,
            opts=ground.options(self.named, self, after),
            **assigned,
            **ground.tracked(),
        )
        logs.diagnose(ground, "ManagedEnvironmentLogs", self.named, workspace, parent=self, after=[self.resource])
        self.register_outputs({"id": self.resource.id})
