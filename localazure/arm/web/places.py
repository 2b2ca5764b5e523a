"""Places: the production site and its slots, as pure rules over their records. Content moves between them by a swap.

A place keeps its address, tags, scale, identity and what is named sticky; what is swapped is the *content*: the image, the
other app settings, and the instances that run them. Source: learn.microsoft.com, App Service "Set up staging
environments", which settings are swapped.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any, Final

from localazure.arm.records import Records, Resource, now
from localazure.workloads.port import Revision

SITES: Final = "Microsoft.Web/sites"
SLOTS: Final = "Microsoft.Web/sites/slots"
PLANS: Final = "Microsoft.Web/serverfarms"
AUTOSCALE: Final = "Microsoft.Insights/autoscalesettings"
PRODUCTION: Final = "production"
ENVIRONMENT_TAG, SERVICE_TAG = "cs-environment-id", "cs-service-id"
DOCKER: Final = "DOCKER|"
# Of siteConfig; the other members stay where they are.
MOVED: Final = ("linuxFxVersion", "appCommandLine", "healthCheckPath", "http20Enabled", "webSocketsEnabled")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def site_key(place: Resource) -> str:
    """The key of the site that a place belongs to: its own, or a slot's parent's."""
    return place.key.partition("/slots/")[0]


def is_production(place: Resource) -> bool:
    return "/slots/" not in place.key


def is_function_app(place: Resource) -> bool:
    return "functionapp" in str(place.body.get("kind", "")).lower()


def runs(place: Resource) -> bool:
    return place.properties.get("enabled") is not False and not place.facts.get("stopped")


def config(place: Resource) -> dict[str, Any]:
    return dict(place.properties.get("siteConfig") or {})


def settings(place: Resource) -> dict[str, str]:
    return dict(place.facts.get("settings") or {})


def image(place: Resource) -> str:
    """Empty where a place has no container."""
    return str(config(place).get("linuxFxVersion") or "").removeprefix(DOCKER)


def touch(place: Resource) -> None:
    place.facts["modified"] = now()


def renew_content(place: Resource) -> None:
    """Another image, or other settings, are other content: it gets a name of its own, and the old one has to go."""
    digest = hashlib.sha256(json.dumps([image(place), settings(place)], sort_keys=True).encode()).hexdigest()
    held = place.facts.get("content")
    if held and held["hash"] == digest:
        return
    if held:
        place.facts["retired"] = [*place.facts.get("retired", ()), held["name"]]
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    site = site_key(place).rpartition("/")[2]
    place.facts["content"] = {"name": f"{site}-{drawn}", "hash": digest}


def revision(place: Resource, name: str | None = None) -> Revision:
    """What the workload runner runs for the content of a place, or for a content of that name."""
    tags, target = place.tags, "functions" if is_function_app(place) else "app-service"
    environment = tags.get(ENVIRONMENT_TAG) or site_key(place).split("/")[4]
    service = tags.get(SERVICE_TAG) or site_key(place).rpartition("/")[2]
    return Revision(environment, service, target, name or place.facts["content"]["name"], image(place), settings(place))


def capacity(records: Records, plan: Resource) -> int:
    """The instances of a plan: as many as were asked for, within what an autoscale setting allows. It never leaves its
    bounds and never moves within them: nothing here has a load."""
    asked = int((plan.body.get("sku") or {}).get("capacity") or 1)
    for setting in records.of_type(AUTOSCALE):
        properties = setting.properties
        if str(properties.get("targetResourceUri", "")).lower() == plan.key and properties.get("enabled") is not False:
            bounds = properties["profiles"][0]["capacity"]
            return min(max(asked, int(bounds["minimum"])), int(bounds["maximum"]))
    return asked


def instances(records: Records, place: Resource) -> int:
    """How many instances run a place while it runs."""
    if not image(place):
        return 0
    told = config(place)
    if is_function_app(place):
        least, most = int(told.get("minimumElasticInstanceCount") or 1), int(told.get("functionAppScaleLimit") or 0)
        return max(1, min(least, most) if most else least)
    plan = records.get(str(place.properties.get("serverFarmId", "")))
    total = capacity(records, plan) if plan else 1
    each = plan is not None and plan.properties.get("perSiteScaling")
    return min(int(told.get("numberOfWorkers") or 1), total) if each else total


def swap(site: Resource, slot: Resource) -> None:
    """Exchange what two places hold; each keeps its sticky settings, and content that sees others is other content."""
    sticky = set(site.facts.get("sticky", ()))
    held = {one.key: settings(one) for one in (site, slot)}
    for place, other in ((site, slot), (slot, site)):
        stays = {name: text for name, text in held[place.key].items() if name in sticky}
        comes = {name: text for name, text in held[other.key].items() if name not in sticky}
        place.facts["settings"] = {**comes, **stays}
    one, two = config(site), config(slot)
    for place, own, others in ((site, one, two), (slot, two, one)):
        kept = {name: value for name, value in own.items() if name not in MOVED}
        moved = {name: others[name] for name in MOVED if name in others}
        place.body["properties"] = {**place.properties, "siteConfig": {**kept, **moved}}
    site.facts["content"], slot.facts["content"] = slot.facts["content"], site.facts["content"]
    for place in (site, slot):
        renew_content(place)
        touch(place)
