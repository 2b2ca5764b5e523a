"""How many instances a site is to have, and how many its plan. Pure.

A function app on Elastic Premium has a least and a most of its own; when it grows is for its triggers to say. A web app has
a count of its own (per-site scaling) on what its plan has, so the plan's one autoscale setting carries all of them: its
bounds are the greatest of all sites, its rules those of every policy. A site never gets more than its own most, and never
less than its least; it may get more than it needs while a neighbour is busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.kernel.errors import Refused
from shared.targets import naming
from shared.targets.port import Measure, ObservedBounds, Scaling, Site, Workload
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
    places = list(places)
    least, most, rules = 1, 1, _rules(site, plan_id, places)
    for place in places:
        policy = policy_of(place)
        if policy is None:
            low = high = int((place["properties"].get("siteConfig") or {}).get("numberOfWorkers") or 1)
        else:
            low, high = _bounds(policy)
        least, most = max(least, low), max(most, high)
    least, most = min(least, MOST_INSTANCES), min(most, MOST_INSTANCES)
    capacity = {"minimum": str(least), "maximum": str(most), "default": str(least)}
    profile = {"name": "services", "capacity": capacity, "rules": rules.all()}
    properties = {"enabled": True, "targetResourceUri": plan_id, "profiles": [profile]}
    own = {naming.ENVIRONMENT_TAG: site.environment_id, naming.TENANT_TAG: site.tenant_id}
    return {"location": site.region, "tags": own, "properties": properties}


@dataclass(frozen=True)
class Plan:
    """What the autoscale setting of a plan does for the services on it, whoever wrote it last."""

    least: int = 1
    most: int = MOST_INSTANCES
    measures: Mapping[str, list[Measure]] = field(default_factory=dict)  # by service; absent where it cannot be told

    def bounds(self, service_id: str, policy: Scaling, most: int) -> ObservedBounds:
        """Of a service with a policy in its tags, whose site has `most` instances at most."""
        return ObservedBounds(
            min_replicas=min(policy.min_replicas, self.least),
            max_replicas=min(most, self.most),
            measures=self.measures.get(service_id),
        )


def planned(site: Site, plan_id: str, places: Sequence[Mapping[str, Any]], standing: Mapping[str, Any]) -> Plan:
    """What `standing`, the autoscale setting of the plan, does for `places`."""
    profiles = standing["properties"].get("profiles") or [{}]
    capacity = profiles[0].get("capacity") or {}
    least, most = int(capacity.get("minimum") or 1), int(capacity.get("maximum") or MOST_INSTANCES)
    try:
        rules = _rules(site, plan_id, places)
        wanted = {_meaning(rule) for rule in rules.all()}
    except Refused:  # no setting could say all that the tags ask for: that is for enforcement to tell
        return Plan(least, most)
    found = [(_meaning(rule), rule) for profile in profiles for rule in profile.get("rules") or []]
    stands = {meaning for meaning, _ in found}
    strange = {_named(rule): None for meaning, rule in found if meaning not in wanted}
    measures = {}
    for place in places:
        if (policy := policy_of(place)) is not None:
            kept = {_meaning(rule) for rule in rules.of(place, policy)} <= stands
            own = [policy.measure] if kept else []
            measures[_service(place)] = [*own, *(Measure(metric=name) for name in strange)]
    return Plan(least, most, measures)


def _meaning(rule: Mapping[str, Any]) -> tuple[object, ...]:
    """What a rule does, without what Azure adds to an answer."""
    trigger, action = rule.get("metricTrigger") or {}, rule.get("scaleAction") or {}
    dimensions = tuple(str(one.get("Values")) for one in trigger.get("dimensions") or [])
    return (
        trigger.get("metricName"),
        str(trigger.get("metricResourceUri")).lower(),
        trigger.get("operator"),
        float(trigger.get("threshold") or 0),
        dimensions,
        action.get("direction"),
    )


def _named(rule: Mapping[str, Any]) -> str:
    return str((rule.get("metricTrigger") or {}).get("metricName") or "a rule")


def _service(place: Mapping[str, Any]) -> str:
    return str((place.get("tags") or {}).get(naming.SERVICE_TAG, ""))


def _rules(site: Site, plan_id: str, places: Iterable[Mapping[str, Any]]) -> _Rules:
    rules = _Rules(site, plan_id)
    for place in places:
        if (policy := policy_of(place)) is not None:
            rules.add(place, policy)
    return rules


class _Rules:
    """One pair a metric of the plan, at the lowest threshold that any policy wants; one pair a service for its own."""

    def __init__(self, site: Site, plan_id: str) -> None:
        self._site = site
        self._plan_id = plan_id
        self._of_plan: dict[str, int] = {}
        self._of_service: dict[tuple[str, str], list[Json]] = {}

    def add(self, place: Mapping[str, Any], policy: Scaling) -> None:
        percent, service = policy.target_utilization_percent, _service(place)
        if name := _PLAN_METRICS.get(policy.metric):
            self._of_plan[name] = min(percent, self._of_plan.get(name, 100))
        elif policy.metric == "requests":
            load = _NOMINAL * 60 * percent / 100  # in each minute
            whole_site = str(place["id"]).partition("/slots/")[0]
            self._of_service[service, policy.metric] = _pair("Requests", whole_site, load, aggregation="Total")
        else:
            queue = {"DimensionName": "EntityName", "Operator": "Equals", "Values": [service]}
            load = _NOMINAL * percent / 100
            self._of_service[service, policy.metric] = _pair("ActiveMessages", self._namespace(), load, dimensions=[queue])

    def of(self, place: Mapping[str, Any], policy: Scaling) -> list[Json]:
        """Those that a place is scaled by; for the plan's own measures the strictest policy speaks for all."""
        name = _PLAN_METRICS.get(policy.metric)
        return self._plan_pair(name) if name else self._of_service[_service(place), policy.metric]

    def _plan_pair(self, name: str) -> list[Json]:
        return _pair(name, self._plan_id, self._of_plan[name], divide=False)

    def all(self) -> list[Json]:
        pairs = [self._plan_pair(name) for name in sorted(self._of_plan)]
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
