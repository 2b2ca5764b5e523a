"""What App Service answers, as the platform's observations. Pure.

The list of sites with their slots tells everything but app settings and instances. `Place` is one of them with both, as far
as they were read; a place is *at rest* when nothing was modified since all of its instances were seen to be ready.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.targets import naming
from shared.targets import web_site_bodies as bodies
from shared.targets.port import Observation, ObservedBounds, ObservedReplica, ObservedRevision
from shared.targets.web_site_bodies import SCALING_TAG, Flavour
from shared.targets.web_site_scaling import Plan, policy_of

Json = dict[str, Any]
MOST_ELASTIC = 100  # instances of an Elastic Premium plan that has no limit of its own


def tag(document: Mapping[str, Any], name: str) -> str | None:
    value = (document.get("tags") or {}).get(name)
    return None if value is None else str(value)


def config(document: Mapping[str, Any]) -> Json:
    return dict(document["properties"].get("siteConfig") or {})


def is_slot(document: Mapping[str, Any]) -> bool:
    return "/slots/" in str(document["id"]).lower()


def runs(document: Mapping[str, Any]) -> bool:
    properties = document["properties"]
    return properties.get("state") == "Running" and properties.get("enabled") is not False


def version(document: Mapping[str, Any]) -> str:
    """Changes with every change of a place, its app settings included."""
    return str(document["properties"].get("lastModifiedTimeUtc"))


def grouped(documents: Sequence[Json], environment_id: str, flavour: Flavour) -> list[tuple[Json, Json | None]]:
    """Ours of one flavour: each production site with its staging slot, if it has one."""
    slots = {str(one["id"]).lower().partition("/slots/")[0]: one for one in documents if _is_staging(one)}
    return [
        (one, slots.get(str(one["id"]).lower()))
        for one in documents
        if not is_slot(one)
        and flavour.has(one)
        and tag(one, naming.ENVIRONMENT_TAG) == environment_id
        and tag(one, naming.SERVICE_TAG)
    ]


def _is_staging(document: Mapping[str, Any]) -> bool:
    return str(document["id"]).lower().endswith(f"/slots/{bodies.SLOT}")


@dataclass(frozen=True)
class Place:
    """A production site or its slot. `instances` as its list tells them; None where they were not asked for: then it is at
    rest, or stopped."""

    document: Json
    settings: Mapping[str, str]
    instances: Sequence[Mapping[str, Any]] | None = None

    @property
    def id(self) -> str:
        return str(self.document["id"])

    @property
    def runs(self) -> bool:
        return runs(self.document)

    @property
    def revision(self) -> str:
        """`Workload.revision` of content that is as we set it; another name for what somebody changed."""
        image, variables = str(config(self.document).get("linuxFxVersion") or ""), bodies.variables(self.settings)
        name, found = self.settings.get(bodies.REVISION, ""), bodies.digest(image, variables)
        if naming.is_revision(name) and self.settings.get(bodies.CONTENT) == found:
            return name
        return f"{self.document['name'].partition('/')[0]}-{found[:8]}"

    @property
    def image(self) -> str:
        deployed = str(config(self.document).get("linuxFxVersion") or "").removeprefix(bodies.DOCKER)
        return naming.shown_image(deployed, self.settings.get(bodies.IMAGE))

    @property
    def env(self) -> dict[str, str]:
        return {name: _value(value) for name, value in bodies.variables(self.settings).items()}

    def count(self, flavour: Flavour) -> int:
        """The plain count that it is configured to."""
        name = "minimumElasticInstanceCount" if flavour.is_functions else "numberOfWorkers"
        return int(config(self.document).get(name) or 1)

    def autoscaled(self, flavour: Flavour) -> bool:
        if flavour.is_functions and not tag(self.document, SCALING_TAG):
            return int(config(self.document).get("functionAppScaleLimit") or 0) != self.count(flavour)
        return bool(tag(self.document, SCALING_TAG))

    def bounds(self, flavour: Flavour, plan: Plan) -> ObservedBounds | None:
        """Within which it scales, and by what; None when somebody made its policy unreadable."""
        if flavour.is_functions:
            most = int(config(self.document).get("functionAppScaleLimit") or 0) or MOST_ELASTIC
            return ObservedBounds(min_replicas=self.count(flavour), max_replicas=most)
        policy = policy_of(self.document)
        service_id = tag(self.document, naming.SERVICE_TAG) or ""
        return plan.bounds(service_id, policy, self.count(flavour)) if policy else None

    def replicas(self, flavour: Flavour) -> list[ObservedReplica]:
        if not self.runs:
            return []
        if self.instances is None:
            name = self.document["name"].replace("/", "-")
            return [ObservedReplica(name=f"{name}-{ordinal}", ready=True) for ordinal in range(self.count(flavour))]
        return [
            ObservedReplica(name=str(one["name"]), ready=(one.get("properties") or {}).get("state") == "READY")
            for one in self.instances
        ]

    def ready(self, flavour: Flavour) -> bool:
        """Whether it runs with as many instances as it is to have, all of them ready."""
        replicas = self.replicas(flavour)
        complete = bool(replicas) if self.autoscaled(flavour) else len(replicas) == self.count(flavour)
        return complete and all(replica.ready for replica in replicas)


def _value(value: str) -> str:
    if value.startswith(bodies.REFERENCE_PREFIX):
        return f"keyvault:{value.removeprefix(bodies.REFERENCE_PREFIX).removesuffix(')')}"
    return value


def observation(
    flavour: Flavour, production: Place, slot: Place | None, plan: Plan | None, observed_at: datetime
) -> Observation:
    """`plan`: what the autoscaler does that policies need; None where it is not there."""
    shown = production if _serves(production) or slot is None else slot
    autoscaled = shown.autoscaled(flavour) and plan is not None
    revisions = []
    if _serves(production) or slot is None or slot.revision != production.revision:
        revisions.append(_revision(flavour, production, serving=_serves(production)))
    if slot is not None and slot.runs:
        revisions.append(_revision(flavour, slot, serving=False))
    return Observation(
        service_id=tag(production.document, naming.SERVICE_TAG) or "",
        observed_at=observed_at,
        replicas=len(shown.replicas(flavour)) if autoscaled else shown.count(flavour),
        autoscaled=autoscaled,
        bounds=shown.bounds(flavour, plan) if autoscaled and plan else None,
        env=shown.env,
        revisions=revisions,
        stamp=tag(production.document, naming.STAMP_TAG),
    )


def _serves(production: Place) -> bool:
    """A site that was promoted once serves, or should; one that waits for its first promotion does not."""
    return production.runs or bool(tag(production.document, naming.PROMOTED_TAG))


def _revision(flavour: Flavour, place: Place, *, serving: bool) -> ObservedRevision:
    settled = place.ready(flavour)
    host = place.document["properties"].get("defaultHostName")
    return ObservedRevision(
        name=place.revision,
        image=place.image,
        replicas=place.replicas(flavour),
        addresses=[f"https://{host}"] if place.runs and host else [],
        serving=serving,
        settled=settled,
        reason=None if settled else "InstancesNotReady" if place.runs else "Stopped",
    )
