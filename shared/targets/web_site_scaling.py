"""How many instances a site is to have, and how many its plan. Pure.

A function app on Elastic Premium has a least and a most of its own; when it grows is for its triggers to say. A web app has
a count of its own (per-site scaling) on what its plan has, so the plan's one autoscale setting carries all of them: its
bounds are the greatest of all sites, its rules those of every policy. A site never gets more than its own most, and never
less than its least; it may get more than it needs while a neighbour is busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.kernel.errors import Refused
from shared.targets import naming
from shared.targets.port import Scaling, Site, Workload
from shared.targets.web_site_bodies import SCALING_TAG, Flavour

Json = dict[str, Any]

MOST_INSTANCES: Final = 30  # of a Premium v3 plan
MOST_RULES: Final = 10  # of one autoscale profile
_NOMINAL: Final = 100  # requests a second, or waiting messages, that one instance takes at 100 %
_PLAN_METRICS: Final = {"cpu": "CpuPercentage", "memory": "MemoryPercentage"}


def bounds(workload: Workload) -> tuple[int, int]:
    """The least and the most instances; both the plain count where there is no policy. None at all is not to be had."""
    policy = workload.scaling
    if policy is None:
        return max(1, workload.replicas), max(1, workload.replicas)
    return _bounds(policy)


def _bounds(policy: Scaling) -> tuple[int, int]:
    least = max(1, policy.min_replicas)
    return least, max(least, policy.max_replicas)


def config(flavour: Flavour, workload: Workload) -> Json:
    """The part of siteConfig that belongs to a place and is not swapped."""
    least, most = bounds(workload)
    if flavour.is_functions:
        return {"minimumElasticInstanceCount": least, "functionAppScaleLimit": most}
    return {"numberOfWorkers": most}


def policy_of(document: Mapping[str, Any]) -> Scaling | None:
    """The policy in a place's tags; None without one, or when somebody made it unreadable."""
    metric, *numbers = str((document.get("tags") or {}).get(SCALING_TAG, "")).split(" ")
    if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
        return None
    least, most, percent = map(int, numbers)
    if metric not in ("cpu", "memory", "requests", "queue-length"):
        return None
    told: Json = {"metric": metric, "min_replicas": least, "max_replicas": most, "target_utilization_percent": percent}
    return Scaling.model_validate(told)


def setting_id(site: Site, plan_id: str) -> str:
    group = f"/subscriptions/{site.subscription_id}/resourceGroups/{site.resource_group}"
    return f"{group}/providers/Microsoft.Insights/autoscalesettings/{plan_id.rpartition('/')[2]}"


def setting(site: Site, plan_id: str, places: Iterable[Mapping[str, Any]]) -> Json:
    """The autoscale setting of a plan for the places that are to run on it. Raises `Refused` for more rules than one
    profile can have, and for a queue without a namespace."""
    least, most, rules = 1, 1, _Rules(site, plan_id)
    for place in places:
        policy = policy_of(place)
        if policy is None:
            low = high = int((place["properties"].get("siteConfig") or {}).get("numberOfWorkers") or 1)
        else:
            low, high = _bounds(policy)
            rules.add(place, policy)
        least, most = max(least, low), max(most, high)
    least, most = min(least, MOST_INSTANCES), min(most, MOST_INSTANCES)
    capacity = {"minimum": str(least), "maximum": str(most), "default": str(least)}
    profile = {"name": "services", "capacity": capacity, "rules": rules.all()}
    properties = {"enabled": True, "targetResourceUri": plan_id, "profiles": [profile]}
    own = {naming.ENVIRONMENT_TAG: site.environment_id, naming.TENANT_TAG: site.tenant_id}
    return {"location": site.region, "tags": own, "properties": properties}


class _Rules:
    """One pair a metric of the plan, at the lowest threshold that any policy wants; one pair a service for its own."""

    def __init__(self, site: Site, plan_id: str) -> None:
        self._site = site
        self._plan_id = plan_id
        self._of_plan: dict[str, int] = {}
        self._of_service: dict[tuple[str, str], list[Json]] = {}

    def add(self, place: Mapping[str, Any], policy: Scaling) -> None:
        percent, service = policy.target_utilization_percent, (place.get("tags") or {}).get(naming.SERVICE_TAG, "")
        if name := _PLAN_METRICS.get(policy.metric):
            self._of_plan[name] = min(percent, self._of_plan.get(name, 100))
        elif policy.metric == "requests":
            load = _NOMINAL * 60 * percent / 100  # in each minute
            whole_site = str(place["id"]).partition("/slots/")[0]
            self._of_service[service, "requests"] = _pair("Requests", whole_site, load, aggregation="Total")
        else:
            queue = {"DimensionName": "EntityName", "Operator": "Equals", "Values": [service]}
            load = _NOMINAL * percent / 100
            self._of_service[service, "queue"] = _pair("ActiveMessages", self._namespace(), load, dimensions=[queue])

    def all(self) -> list[Json]:
        pairs = [_pair(name, self._plan_id, at, divide=False) for name, at in sorted(self._of_plan.items())]
        rules = [rule for pair in [*pairs, *self._of_service.values()] for rule in pair]
        if len(rules) > MOST_RULES:
            raise Refused("arm", "TooManyScaleRules", f"a plan has room for {MOST_RULES} rules, {len(rules)} are wanted")
        return rules

    def _namespace(self) -> str:
        name = self._site.outputs.get("serviceBusNamespace")
        if not name:
            raise Refused("arm", "QueueScalerNeedsNamespace", "the environment has no output serviceBusNamespace")
        if name.startswith("/"):
            return name
        group = f"/subscriptions/{self._site.subscription_id}/resourceGroups/{self._site.resource_group}"
        return f"{group}/providers/Microsoft.ServiceBus/namespaces/{name}"


def _pair(
    metric: str,
    resource_id: str,
    threshold: float,
    *,
    aggregation: str = "Average",
    divide: bool = True,
    dimensions: list[Json] | None = None,
) -> list[Json]:
    """Out above the threshold, in below half of it: far enough apart not to swing."""
    trigger: Json = {
        "metricName": metric,
        "metricResourceUri": resource_id,
        "timeGrain": "PT1M",
        "statistic": "Average",
        "timeWindow": "PT5M",
        "timeAggregation": aggregation,
        "dividePerInstance": divide,
        **({"dimensions": dimensions} if dimensions else {}),
    }
    ways = (("GreaterThan", threshold, "Increase", "PT5M"), ("LessThan", threshold / 2, "Decrease", "PT10M"))
    return [
        {
            "metricTrigger": {**trigger, "operator": operator, "threshold": at},
            "scaleAction": {"direction": direction, "type": "ChangeCount", "value": "1", "cooldown": cooldown},
        }
        for operator, at, direction, cooldown in ways
    ]
