"""What is sent to Container Apps, as pure functions of site, stamp and workload.

A revision's suffix is `<Workload.revision>-<hash of the whole template>`: Container Apps makes a new revision of every
change to a template, a scale rule included, and refuses a suffix that it knows with another template. Reading the first
part back gives the workload's revision. A Key Vault reference is a secret of the *app* whose name follows from its
identifier, so revisions that use different versions of one secret stand side by side.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from shared.kernel.canonical import sha256
from shared.kernel.errors import Refused
from shared.targets import naming
from shared.targets.port import HealthProbe, Measure, Scaling, SecretReference, Site, Stamp, Workload

Json = dict[str, Any]

LONGEST_NAME: Final = 32
_HASH: Final = 6
_NOMINAL: Final = 100  # concurrent requests, or waiting messages, that one replica takes at 100 %
_QUEUES: Final = "azure-servicebus"  # the scaler
_RESOURCES: Final = {"cpu": 0.5, "memory": "1Gi"}


def app_name(service_id: str) -> str:
    return naming.fitted(service_id, LONGEST_NAME)


def app_id(site: Site, service_id: str) -> str:
    return f"{collection(site)}/{app_name(service_id)}"


def collection(site: Site) -> str:
    group = f"/subscriptions/{site.subscription_id}/resourceGroups/{site.resource_group}"
    return f"{group}/providers/Microsoft.App/containerApps"


def revision_name(site: Site, workload: Workload) -> str:
    """The full name of the revision that `workload` is."""
    return f"{app_name(workload.service_id)}--{suffix(workload.revision, template(site, workload))}"


def suffix(revision: str, content: Json) -> str:
    unnamed = {key: value for key, value in content.items() if key != "revisionSuffix"}
    return f"{revision}-{sha256(unnamed)[:_HASH]}"


def revision_of(full_name: str) -> str | None:
    """`Workload.revision` of a revision that we made; None for one that somebody else made."""
    prefix, _, digest = full_name.partition("--")[2].partition("-")
    return prefix if naming.is_revision(prefix) and len(digest) == _HASH else None


def app(site: Site, stamp: Stamp, workload: Workload, content: Json, traffic: list[Json], secrets: list[Json]) -> Json:
    """The body of a PUT. `content` is the template with its suffix; `secrets` are all that any active revision needs.

    Raises `Refused` when the environment's engine put out no managed environment.
    """
    environment = site.outputs.get("managedEnvironmentId")
    if not environment:
        raise Refused("arm", "ManagedEnvironmentMissing", "the environment has no output managedEnvironmentId")
    identity = site.outputs.get("identityId")
    configuration: Json = {
        "activeRevisionsMode": "Multiple",
        "ingress": {
            "external": True,  # the platform probes each revision from outside
            "targetPort": workload.health.port,
            "transport": "http2" if workload.health.format == "grpc" else "auto",  # gRPC needs HTTP/2 end to end
            "allowInsecure": False,
            "traffic": traffic,
        },
        "secrets": secrets,
    }
    registry = workload.image.partition("/")[0]
    if identity and registry.endswith(".azurecr.io"):
        configuration["registries"] = [{"server": registry, "identity": identity}]
    body: Json = {
        "location": site.region,
        "tags": {
            **naming.tags(site, stamp, workload.service_id),
            naming.RELEASE_TAG: workload.release,
            **naming.image_tag(workload),
        },
        "properties": {"environmentId": environment, "configuration": configuration, "template": content},
    }
    if identity:
        body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    return body


def all_traffic(full_name: str) -> list[Json]:
    return [{"revisionName": full_name, "weight": 100}]


def template(site: Site, workload: Workload) -> Json:
    """The revision-scope part, with its suffix."""
    container = {
        "name": app_name(workload.service_id),
        "image": workload.reference,
        "env": [_variable(name, value) for name, value in sorted(workload.env.items())],
        "resources": _RESOURCES,
        "probes": probes(workload.health),
    }
    content: Json = {"containers": [container], "scale": scale(site, workload)}
    return {**content, "revisionSuffix": suffix(workload.revision, content)}


def rescaled(standing: Json, revision: str, wanted: Json) -> Json:
    """The template of a revision that somebody else made, with another scale and nothing else changed."""
    content = copy.deepcopy({**standing, "scale": wanted})
    for container in content.get("containers", []):
        container.get("resources", {}).pop("ephemeralStorage", None)  # told by the service, refused in a request
    return {**content, "revisionSuffix": suffix(revision, content)}


def _variable(name: str, value: str | SecretReference) -> Json:
    if isinstance(value, SecretReference):
        return {"name": name, "secretRef": secret_name(value)}
    return {"name": name, "value": value}


def secret_name(reference: SecretReference) -> str:
    return f"kv-{sha256(naming.secret_uri(reference))[:16]}"


def secrets(site: Site, workload: Workload) -> list[Json]:
    """References that the app's own identity follows; no value passes through here."""
    identity = site.outputs.get("identityId", "system")
    references = [value for value in workload.env.values() if isinstance(value, SecretReference)]
    entries = {
        secret_name(one): {"name": secret_name(one), "keyVaultUrl": naming.secret_uri(one), "identity": identity}
        for one in references
    }
    return [entries[name] for name in sorted(entries)]


def probes(health: HealthProbe) -> list[Json]:
    """Container Apps has no gRPC probe: there an open port has to do."""
    if health.format == "grpc":
        check: Json = {"tcpSocket": {"port": health.port}}
    else:
        check = {"httpGet": {"path": health.path, "port": health.port, "scheme": "HTTP"}}
    return [
        {"type": "Liveness", **check, "initialDelaySeconds": 10, "periodSeconds": 10, "failureThreshold": 6},
        {"type": "Readiness", **check, "initialDelaySeconds": 1, "periodSeconds": 5, "failureThreshold": 3},
    ]


def scale(site: Site, workload: Workload) -> Json:
    """Without a policy exactly `replicas`; with one, its bounds and one rule."""
    policy = workload.scaling
    if policy is None:
        return {"minReplicas": workload.replicas, "maxReplicas": max(1, workload.replicas), "rules": []}
    least = 0 if policy.scale_to_zero else policy.min_replicas
    return {
        "minReplicas": least,
        "maxReplicas": max(1, policy.max_replicas),
        "rules": [_rule(site, workload.service_id, policy)],
    }


def _rule(site: Site, service_id: str, policy: Scaling) -> Json:
    percent = policy.target_utilization_percent
    if policy.metric in ("cpu", "memory"):
        metadata = {"type": "Utilization", "value": str(percent)}
        return {"name": policy.metric, "custom": {"type": policy.metric, "metadata": metadata}}
    load = str(max(1, _NOMINAL * percent // 100))
    if policy.metric == "requests":
        return {"name": "requests", "http": {"metadata": {"concurrentRequests": load}}}
    namespace = site.outputs.get("serviceBusNamespace")
    if not namespace:
        raise Refused("arm", "QueueScalerNeedsNamespace", "the environment has no output serviceBusNamespace")
    metadata = {"queueName": service_id, "namespace": namespace, "messageCount": load}
    rule: Json = {"type": _QUEUES, "metadata": metadata}
    if identity := site.outputs.get("identityId"):
        rule["identity"] = identity
    return {"name": "queue-length", "custom": rule}


def measure(rule: Json, service_id: str) -> Measure:
    """`_rule` read backwards, whoever wrote it. A queue that is not the service's own is another measure."""
    if (http := rule.get("http")) is not None:
        return Measure(metric="requests", percent=_share((http.get("metadata") or {}).get("concurrentRequests")))
    custom = rule.get("custom") or {}
    kind, metadata = str(custom.get("type") or rule.get("name", "")), custom.get("metadata") or {}
    if kind in ("cpu", "memory") and metadata.get("type") == "Utilization":
        value = str(metadata.get("value", ""))
        return Measure(metric=kind, percent=int(value) if value.isdigit() else None)
    if kind == _QUEUES and metadata.get("queueName") == service_id:
        return Measure(metric="queue-length", percent=_share(metadata.get("messageCount")))
    return Measure(metric=kind)


def _share(load: object) -> int | None:
    return int(str(load)) * 100 // _NOMINAL if str(load).isdigit() else None
