"""What Container Apps answers, as the platform's observations. Pure.

The list of apps alone tells all of an app that is *at rest*: promoted by us, traffic where we put it, its template the one
that serves, ready, and no autoscaler. Every other app costs one read for its revisions and one per active revision for
its replicas. At rest, replicas are as many as the template wants and have ordinals for names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.targets import container_app_bodies as bodies
from shared.targets import naming
from shared.targets.container_app_bodies import revision_of
from shared.targets.port import Observation, ObservedBounds, ObservedReplica, ObservedRevision

Json = dict[str, Any]

MOST_BY_DEFAULT = 10  # replicas: learn.microsoft.com, "Scaling in Azure Container Apps"
_SETTLED = frozenset({"Running", "RunningAtMaxScale", "ScaledToZero"})


def tag(app: Mapping[str, Any], name: str) -> str | None:
    value = (app.get("tags") or {}).get(name)
    return None if value is None else str(value)


def belongs(app: Mapping[str, Any], environment_id: str) -> bool:
    return tag(app, naming.ENVIRONMENT_TAG) == environment_id and bool(tag(app, naming.SERVICE_TAG))


def weights(app: Mapping[str, Any]) -> dict[str, int]:
    """Share of the traffic by revision; "the latest revision" is resolved to the latest that was ready."""
    properties = app["properties"]
    latest = properties.get("latestReadyRevisionName") or properties.get("latestRevisionName") or ""
    shares: dict[str, int] = {}
    for entry in (_configuration(app).get("ingress") or {}).get("traffic") or []:
        name = str(entry.get("revisionName") or (latest if entry.get("latestRevision") else ""))
        if name and entry.get("weight"):
            shares[name] = shares.get(name, 0) + int(entry["weight"])
    return shares


def serving_name(app: Mapping[str, Any]) -> str | None:
    """The revision with the greatest share."""
    shares = weights(app)
    return max(shares, key=lambda name: shares[name], default=None)


def secrets(app: Mapping[str, Any]) -> list[Json]:
    return list(_configuration(app).get("secrets") or [])


def secrets_used(revisions: Sequence[Mapping[str, Any]]) -> set[str]:
    """Names of the app's secrets that its active revisions refer to."""
    used = set()
    for revision in revisions:
        if revision["properties"].get("active"):
            used |= {row["secretRef"] for row in _variables(_template(revision)) if row.get("secretRef")}
    return used


def autoscaled(scale: Mapping[str, Any]) -> bool:
    return bool(scale.get("rules")) or (scale.get("minReplicas") or 0) != scale.get("maxReplicas", MOST_BY_DEFAULT)


def _bounds(scale: Mapping[str, Any], service_id: str) -> ObservedBounds:
    return ObservedBounds(
        min_replicas=scale.get("minReplicas") or 0,
        max_replicas=scale.get("maxReplicas") or MOST_BY_DEFAULT,
        measures=[bodies.measure(rule, service_id) for rule in scale.get("rules") or []],
    )


def at_rest(app: Mapping[str, Any]) -> bool:
    """Whether the app alone tells everything (see above)."""
    properties = app["properties"]
    name = tag(app, naming.PROMOTED_TAG)
    return (
        bool(name)
        and weights(app) == {name: 100}
        and properties.get("latestRevisionName") == name == properties.get("latestReadyRevisionName")
        and properties.get("provisioningState") == "Succeeded"
        and not autoscaled(_template(app).get("scale") or {})
    )


def resting(app: Mapping[str, Any]) -> list[Json]:
    """The revision of an app at rest, as a list of revisions would tell it."""
    properties = app["properties"]
    told = {
        "active": True,
        "template": _template(app),
        "fqdn": properties.get("latestRevisionFqdn"),
        "replicas": (_template(app).get("scale") or {}).get("minReplicas") or 0,
        "runningState": "Running",
        "healthState": "Healthy",
        "provisioningState": "Provisioned",
    }
    return [{"name": properties["latestRevisionName"], "properties": told}]


def ready(revision: Mapping[str, Any]) -> bool:
    """Provisioned, running, healthy: what may take traffic."""
    properties = revision["properties"]
    return settled(revision) and properties.get("healthState") in ("Healthy", None)


def settled(revision: Mapping[str, Any]) -> bool:
    properties = revision["properties"]
    return properties.get("provisioningState") == "Provisioned" and properties.get("runningState") in _SETTLED


def observation(
    app: Mapping[str, Any],
    revisions: Sequence[Mapping[str, Any]],
    replicas: Mapping[str, Sequence[Mapping[str, Any]]],
    observed_at: datetime,
) -> Observation:
    """`revisions` as the app's list tells them; `replicas` by revision, absent where they were not asked for."""
    serving = serving_name(app)
    shown = [one for one in revisions if one["properties"].get("active") or one["name"] == serving]
    current = next((one for one in shown if one["name"] == serving), None)
    template = _template(current or app)
    scale = template.get("scale") or {}
    count = (current or app)["properties"].get("replicas") if autoscaled(scale) else scale.get("minReplicas")
    service_id = tag(app, naming.SERVICE_TAG) or ""
    observed = [_revision(app, one, replicas.get(one["name"]), serving) for one in shown]
    return Observation(
        service_id=service_id,
        observed_at=observed_at,
        replicas=int(count or 0),
        autoscaled=autoscaled(scale),
        bounds=_bounds(scale, service_id) if autoscaled(scale) else None,
        env=_env(app, template),
        revisions=[*observed, *_unborn(app, revisions)],
        stamp=tag(app, naming.STAMP_TAG),
    )


def _revision(
    app: Mapping[str, Any],
    revision: Mapping[str, Any],
    replicas: Sequence[Mapping[str, Any]] | None,
    serving: str | None,
) -> ObservedRevision:
    properties, name = revision["properties"], str(revision["name"])
    active = bool(properties.get("active"))
    return ObservedRevision(
        name=revision_of(name) or name,
        image=_image(app, _template(revision)),
        replicas=_replicas(revision, replicas) if active else [],
        addresses=[f"https://{properties['fqdn']}"] if active and properties.get("fqdn") else [],
        serving=name == serving,
        settled=active and settled(revision),
        reason=_reason(properties),
    )


def _replicas(revision: Mapping[str, Any], told: Sequence[Mapping[str, Any]] | None) -> list[ObservedReplica]:
    if told is None:
        count, is_ready = int(revision["properties"].get("replicas") or 0), ready(revision)
        return [ObservedReplica(name=f"{revision['name']}-{ordinal}", ready=is_ready) for ordinal in range(count)]
    return [ObservedReplica(name=str(one.get("name")), ready=_replica_ready(one)) for one in told]


def _replica_ready(replica: Mapping[str, Any]) -> bool:
    containers = replica.get("properties", {}).get("containers") or []
    return bool(containers) and all(container.get("ready") for container in containers)


def _reason(properties: Mapping[str, Any]) -> str | None:
    if not properties.get("active"):
        return "Inactive"
    if error := properties.get("provisioningError"):
        return str(error)
    if properties.get("provisioningState") != "Provisioned":
        return str(properties.get("provisioningState"))
    if properties.get("runningState") not in _SETTLED:
        return str(properties.get("runningStateDetails") or properties.get("runningState"))
    return None if properties.get("healthState") in ("Healthy", None) else str(properties["healthState"])


def _unborn(app: Mapping[str, Any], revisions: Sequence[Mapping[str, Any]]) -> list[ObservedRevision]:
    """A revision that was asked for and of which the service has made nothing: it is being made, or could not be."""
    template = _template(app)
    name = f"{app['name']}--{template.get('revisionSuffix')}"
    if not template.get("revisionSuffix") or any(one["name"] == name for one in revisions):
        return []
    state = str(app["properties"].get("provisioningState"))
    return [
        ObservedRevision(
            name=revision_of(name) or name,
            image=_image(app, template),
            replicas=[],
            addresses=[],
            serving=name == serving_name(app),
            settled=False,
            reason="NotMade" if state == "Succeeded" else state,
        )
    ]


def _env(app: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, str]:
    urls = {entry["name"]: entry.get("keyVaultUrl") for entry in secrets(app)}
    return {row["name"]: _value(row, urls) for row in _variables(template)}


def _value(row: Mapping[str, Any], urls: Mapping[str, str | None]) -> str:
    name = row.get("secretRef")
    if not name:
        return str(row.get("value") or "")
    url = urls.get(name)
    return f"keyvault:{url}" if url else f"secret:{name}"


def _image(app: Mapping[str, Any], template: Mapping[str, Any]) -> str:
    return naming.tagged_image(str(_container(template).get("image") or ""), app.get("tags") or {})


def images_used(revisions: Sequence[Mapping[str, Any]]) -> set[str]:
    """What its active revisions run, as it is deployed."""
    active = (one for one in revisions if one["properties"].get("active"))
    return {str(_container(_template(one)).get("image") or "") for one in active}


def _variables(template: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(_container(template).get("env") or [])


def _container(template: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = template.get("containers") or [{}]
    return dict(containers[0])


def _template(holder: Mapping[str, Any]) -> Json:
    return dict(holder["properties"].get("template") or {})


def _configuration(app: Mapping[str, Any]) -> Json:
    return dict(app["properties"].get("configuration") or {})
