"""What is applied to a cluster, as pure functions of site, stamp and workload.

Whose is which field: the manager `runtime-cloud` owns what these functions name and never names `spec.replicas`; that one
field has a manager of its own, which speaks only while no autoscaler does. An applied field that its only manager names no
longer goes back to its default, so a count that came and went with the policy would fall to 1 on the way.

A pod template follows from the workload alone (no stamp, no operation): applying an earlier workload finds the replica set
that it had. Plain settings are a ConfigMap named after the revision, so the earlier settings come back too.

A Key Vault reference is a file that the Secrets Store CSI driver mounts; its variable holds the path (`aks_secrets`).
"""

from __future__ import annotations

from typing import Any, Final

from shared.kernel.canonical import sha256
from shared.kernel.errors import Refused
from shared.targets import aks_secrets, naming
from shared.targets.port import HealthProbe, SecretReference, Site, Stamp, Workload

Json = dict[str, Any]

LONGEST_NAME: Final = 63
REFERENCE_PREFIX: Final = "@Microsoft.KeyVault(SecretUri="  # what earlier revisions gave to the process instead of a path
_REQUESTS: Final = {"cpu": "250m", "memory": "256Mi"}
_LIMITS: Final = {"memory": "1Gi"}


def object_name(service_id: str) -> str:
    return naming.fitted(service_id, LONGEST_NAME)


def config_map_name(service_id: str, revision: str) -> str:
    return f"{object_name(service_id)}-{revision}"


def namespace_of(site: Site) -> str:
    """Raises `Refused` when the environment's engine put out no namespace."""
    name = site.outputs.get("clusterNamespace")
    if not name:
        raise Refused("kubernetes", "NamespaceMissing", "the environment has no output clusterNamespace")
    return name


def service_labels(site: Site, service_id: str) -> dict[str, str]:
    """What selects everything of one service."""
    return {naming.ENVIRONMENT_LABEL: site.environment_id, naming.SERVICE_LABEL: naming.label(service_id)}


def namespace(site: Site) -> Json:
    labels = {
        naming.ENVIRONMENT_LABEL: site.environment_id,
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    metadata = {"name": namespace_of(site), "labels": labels, "annotations": {naming.TENANT_ANNOTATION: site.tenant_id}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def config_map(site: Site, workload: Workload) -> Json:
    """Idempotent by its name: what it holds follows from the revision in it."""
    metadata = about(site, workload.service_id)
    metadata["name"] = config_map_name(workload.service_id, workload.revision)
    metadata["labels"][naming.REVISION_LABEL] = workload.revision
    data = {name: _value(name, value) for name, value in sorted(workload.env.items())}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _value(name: str, value: str | SecretReference) -> str:
    return aks_secrets.path(name, value) if isinstance(value, SecretReference) else value


def secret_classes(site: Site, workload: Workload) -> list[Json]:
    """Idempotent by their names, as the ConfigMap is."""
    metadata = about(site, workload.service_id)
    metadata["labels"][naming.REVISION_LABEL] = workload.revision
    prefix = config_map_name(workload.service_id, workload.revision)
    return aks_secrets.classes(site, workload, metadata, prefix)


def service(site: Site, workload: Workload) -> Json:
    port = {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
    spec = {"type": "ClusterIP", "selector": service_labels(site, workload.service_id), "ports": [port]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": about(site, workload.service_id), "spec": spec}


def deployment(site: Site, stamp: Stamp, workload: Workload, version: str | None = None) -> Json:
    """Everything but the count. `version`: the resourceVersion from which it is written."""
    metadata = about(site, workload.service_id)
    metadata["annotations"] |= {**marks(stamp), naming.RELEASE_ANNOTATION: workload.release}
    if version is not None:
        metadata["resourceVersion"] = version
    spec = {
        "selector": {"matchLabels": service_labels(site, workload.service_id)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
        "revisionHistoryLimit": 5,
        "progressDeadlineSeconds": 600,
        "template": _template(site, workload),
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def birth(site: Site, stamp: Stamp, workload: Workload) -> Json:
    """What a deployment is created as: nothing runs yet. A creation cannot be conditional in server-side apply; of two
    workers one creates, and all that this names is named by every later apply too."""
    whole = deployment(site, stamp, workload)
    container = whole["spec"]["template"]["spec"]["containers"][0]
    template = {
        "metadata": {"labels": whole["spec"]["template"]["metadata"]["labels"]},
        "spec": {"containers": [{"name": container["name"], "image": container["image"]}]},
    }
    return {**whole, "spec": {"replicas": 0, "selector": whole["spec"]["selector"], "template": template}}


def without_additions(wanted: Json, standing: Json) -> Json | None:
    """A merge patch that takes out of a ConfigMap what is not ours; None when there is nothing."""
    foreign = standing.get("data", {}).keys() - wanted["data"].keys()
    return {**wanted, "data": dict.fromkeys(sorted(foreign))} if foreign else None


def is_edited(deployment: Json) -> bool:
    """Whether somebody else changed what the containers run since we applied it."""
    template = deployment["spec"]["template"]
    applied = (template.get("metadata", {}).get("annotations") or {}).get(naming.CONTENT_ANNOTATION)
    return applied is not None and applied != content(template)


def mark(site: Site, stamp: Stamp, service_id: str, version: str) -> Json:
    """The stamp and nothing else, for a change that leaves the deployment's own fields alone."""
    metadata = {
        "name": object_name(service_id),
        "namespace": namespace_of(site),
        "resourceVersion": version,
        "annotations": marks(stamp),
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}


def content(template: Json) -> str:
    """A hash of what a pod template runs: images, variables and where they come from. None of it has defaults, so it is the
    same on what the API server answers; after an edit behind our back it is another than the annotation says."""
    containers = [
        {key: one.get(key) or None for key in ("name", "image", "command", "args", "env", "envFrom")}
        for one in template.get("spec", {}).get("containers", [])
    ]
    return sha256(containers)[:16]


def _template(site: Site, workload: Workload) -> Json:
    labels = {
        **service_labels(site, workload.service_id),
        naming.NAME_LABEL: naming.label(workload.service_id),
        naming.REVISION_LABEL: workload.revision,
    }
    spec: Json = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(workload)],
    }
    if volumes := aks_secrets.volumes(workload, config_map_name(workload.service_id, workload.revision)):
        spec["volumes"] = volumes
    annotations = {naming.RELEASE_ANNOTATION: workload.release, naming.CONTENT_ANNOTATION: content({"spec": spec})}
    if workload.digest is not None:
        annotations[naming.IMAGE_ANNOTATION] = naming.image_mark(workload)
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}


def _container(workload: Workload) -> Json:
    mounts = aks_secrets.mounts(workload)
    return {
        **({"volumeMounts": mounts} if mounts else {}),
        "name": object_name(workload.service_id),
        "image": workload.reference,
        "envFrom": [{"configMapRef": {"name": config_map_name(workload.service_id, workload.revision)}}],
        "ports": [{"name": "http", "containerPort": workload.health.port, "protocol": "TCP"}],
        "resources": {"requests": _REQUESTS, "limits": _LIMITS},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "livenessProbe": {**_probe(workload.health), "initialDelaySeconds": 10, "periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {**_probe(workload.health), "periodSeconds": 5, "failureThreshold": 3},
    }


def _probe(health: HealthProbe) -> Json:
    if health.format == "grpc":
        return {"grpc": {"port": health.port}, "timeoutSeconds": 5}
    return {"httpGet": {"path": health.path, "port": "http"}, "timeoutSeconds": 5}


def about(site: Site, service_id: str) -> Json:
    """The metadata that all objects of a service share."""
    return {
        "name": object_name(service_id),
        "namespace": namespace_of(site),
        "labels": {**service_labels(site, service_id), naming.NAME_LABEL: naming.label(service_id)},
        "annotations": {naming.TENANT_ANNOTATION: site.tenant_id, naming.SERVICE_ANNOTATION: service_id},
    }


def marks(stamp: Stamp) -> dict[str, str]:
    return {
        naming.OPERATION_ANNOTATION: stamp.operation_id,
        naming.ATTEMPT_ANNOTATION: str(stamp.attempt),
        naming.STAMP_ANNOTATION: stamp.text,
    }
