"""The Durable Task Scheduler: what keeps orchestrations in Azure. It knows no keys; a role on the task hub opens it.

The app's package names it in host.json (`infra/platform/package.py`), because the scale controller reads that file itself.
"""

from __future__ import annotations

import pulumi
from pulumi_azure_native import durabletask

from infra.components.ground import Component, Ground, Named

KIND = "Microsoft.DurableTask/schedulers"
API_VERSION = "2025-11-01"
CONNECTION = "DURABLE_TASK_SCHEDULER_CONNECTION_STRING"  # the app setting that host.json names
HUB = "RuntimeCloud"


class Scheduler(Component):
    def __init__(self, ground: Ground, *, parent: pulumi.Resource, after: list[pulumi.Resource]) -> None:
        super().__init__("Scheduler", "SchedulerOf", parent)
        self.named: Named = ground.called("Scheduler", KIND, "dts", API_VERSION)
        self.resource = durabletask.Scheduler(
            self.named.step,
            scheduler_name=self.named.name,
            properties={
                # An empty list would let nobody in; callers are told apart by their tokens.
                "ip_allowlist": ["0.0.0.0/0"],
                "sku": {"name": "Dedicated", "capacity": 3 if ground.production else 1},
            },
            opts=ground.options(self.named, self, after),
            **ground.tracked(),
        )
        self.hub = Named("TaskHub", f"{self.named.id}/taskHubs/{HUB}", API_VERSION)
        self.hub_resource = durabletask.TaskHub(
            self.hub.step,
            scheduler_name=self.named.name,
            task_hub_name=HUB,
            resource_group_name=ground.group,
            opts=ground.options(self.hub, self, [self.resource]),
        )
        self.endpoint: pulumi.Output[str] = self.resource.properties.apply(lambda given: str(given.endpoint))
        self.register_outputs({"id": self.resource.id})

    def connection(self, client_id: pulumi.Input[str]) -> pulumi.Output[str]:
        """What the app signs in with: an address and an identity's name, no secret."""
        text = "Endpoint={0};TaskHub={1};Authentication=ManagedIdentity;ClientID={2}"
        return pulumi.Output.format(text, self.endpoint, HUB, client_id)
