"""The plans that sites run on: elastic premium for functions, premium v3 for web apps, both Linux, for container images."""

from __future__ import annotations

from typing import Any, Final

import pulumi
from pulumi_azure_native import web

from infra.components import logs
from infra.components.ground import Component, Ground, Named

KIND: Final = "Microsoft.Web/serverfarms"

# target -> (step, name prefix, what the plan is)
PLANS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "functions": (
        "FunctionsPlan",
        "plan-fn",
        {
            "kind": "elastic",
            "sku": {"name": "EP1", "tier": "ElasticPremium", "family": "EP"},
            "maximum_elastic_worker_count": 20,
        },
    ),
    "app-service": (
        "AppServicePlan",
        "plan-web",
        {"kind": "linux", "sku": {"name": "P1v3", "tier": "PremiumV3"}, "per_site_scaling": True},
    ),
}
_ZONES: Final = 3  # instances that zone redundancy asks for


def plan_name(ground: Ground, target: str) -> Named:
    step, prefix, _what = PLANS[target]
    return ground.called(step, KIND, prefix, "2024-04-01")


class Plan(Component):
    def __init__(
        self,
        ground: Ground,
        target: str,
        *,
        workspace: str,
        parent: pulumi.Resource | None = None,
        after: list[pulumi.Resource],
    ) -> None:
        step, _prefix, what = PLANS[target]
        super().__init__("Plan", f"{step}Of", parent)
        self.named: Named = plan_name(ground, target)
        capacity = _ZONES if ground.production else 1
        self.resource = web.AppServicePlan(
            step,
            name=self.named.name,
            reserved=True,  # Linux
            zone_redundant=ground.production,
            # Scaling policies own the number of instances.
            opts=ground.options(self.named, self, after, ignored=["sku.capacity"]),
            **{**what, "sku": {**what["sku"], "capacity": capacity}},
            **ground.tracked(),
        )
        logs.diagnose(ground, f"{step}Metrics", self.named, workspace, parent=self, after=[self.resource], logs=False)
        self.register_outputs({"id": self.resource.id})
