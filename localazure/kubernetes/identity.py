"""Which service a workload of the cluster is, by its labels (`cs.connectsoft.ai/*`); without them by its names."""

from __future__ import annotations

from collections.abc import Mapping

from localazure.kubernetes.cabinet import Object

ENVIRONMENT_LABEL = "cs.connectsoft.ai/environment-id"
SERVICE_LABEL = "cs.connectsoft.ai/service-id"
NAME_LABEL = "app.kubernetes.io/name"


def identity(namespace: str, name: str, *labels: Mapping[str, str]) -> tuple[str, str]:
    """Environment and service of a workload, from the first labels that name them."""

    def first(keys: tuple[str, ...], otherwise: str) -> str:
        return next((held[key] for key in keys for held in labels if held.get(key)), otherwise)

    return first((ENVIRONMENT_LABEL,), namespace), first((SERVICE_LABEL, NAME_LABEL), name)


def of_deployment(deployment: Object) -> tuple[str, str]:
    """The labels of the pods come first: they are what a pod is known by."""
    metadata = deployment["metadata"]
    template = deployment["spec"]["template"].get("metadata", {}).get("labels") or {}
    return identity(metadata["namespace"], metadata["name"], template, metadata.get("labels") or {})


def of_pod(pod: Object) -> tuple[str, str]:
    metadata = pod["metadata"]
    return identity(metadata["namespace"], metadata["name"], metadata.get("labels") or {})
