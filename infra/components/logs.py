"""Log Analytics, and the diagnostic settings that send there what a resource tells of itself."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_azure_native import monitor, operationalinsights

from infra.components.ground import Component, Ground, Named


def workspace_name(ground: Ground) -> Named:
    return ground.called("Workspace", "Microsoft.OperationalInsights/workspaces", "log", "2023-09-01")


class Workspace(Component):
    """Kept 30 days, in production 90. Shared keys do not open it: whoever writes or reads needs a role."""

    def __init__(self, ground: Ground, *, parent: pulumi.Resource | None = None, after: list[pulumi.Resource]) -> None:
        super().__init__("Workspace", "Logs", parent)
        self.named: Named = workspace_name(ground)
        self.resource = operationalinsights.Workspace(
            self.named.step,
            workspace_name=self.named.name,
            sku={"name": "PerGB2018"},
            retention_in_days=90 if ground.production else 30,
            features={"disable_local_auth": True, "enable_log_access_using_only_resource_permissions": True},
            opts=ground.options(self.named, self, after),
            **ground.tracked(),
        )
        self.register_outputs({"id": self.resource.id})


def diagnose(
    ground: Ground,
    step: str,
    target: Named,
    workspace: str,
    *,
    parent: pulumi.Resource,
    after: list[pulumi.Resource],
    logs: bool = True,
    metrics: bool = True,
) -> monitor.DiagnosticSetting:
    """Send everything that `target` logs and measures to `workspace` (an ARM id)."""
    named = ground.extension(step, target.id, "Microsoft.Insights/diagnosticSettings", "to-workspace", "2021-05-01-preview")
    sent: dict[str, Any] = {}
    if logs:
        sent["logs"] = [{"category_group": "allLogs", "enabled": True}]
    if metrics:
        sent["metrics"] = [{"category": "AllMetrics", "enabled": True}]
    return monitor.DiagnosticSetting(
        step,
        name=named.name,
        resource_uri=target.id,
        workspace_id=workspace,
        opts=ground.options(named, parent, after),
        **sent,
    )
