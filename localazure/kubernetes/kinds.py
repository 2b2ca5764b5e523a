"""Which resources the local cluster serves, and what discovery says of them.

Everything else of Kubernetes is absent: another resource of a served group answers 501, another group 404 as on a cluster
that does not have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True)
class Kind:
    group: str  # "" is the core group
    version: str
    plural: str
    kind: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    has_generation: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`deployments.apps`, `pods`: how the API server calls a resource in its messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


NAMESPACE = Kind("", "v1", "namespaces", "Namespace", ("ns",), namespaced=False, subresources=("status",))
POD = Kind("", "v1", "pods", "Pod", ("po",), subresources=("status",), has_generation=True)
SERVICE = Kind("", "v1", "services", "Service", ("svc",), subresources=("status",))
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap", ("cm",))
SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount", ("sa",))
DEPLOYMENT = Kind("apps", "v1", "deployments", "Deployment", ("deploy",), True, ("scale", "status"), True)
REPLICA_SET = Kind("apps", "v1", "replicasets", "ReplicaSet", ("rs",), True, ("scale", "status"), True)
AUTOSCALER = Kind(
    "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", ("hpa",), subresources=("status",)
)

SECRET_PROVIDER_CLASS = Kind("secrets-store.csi.x-k8s.io", "v1", "secretproviderclasses", "SecretProviderClass")

KINDS = (NAMESPACE, POD, SERVICE, CONFIG_MAP, SERVICE_ACCOUNT, DEPLOYMENT, REPLICA_SET, AUTOSCALER, SECRET_PROVIDER_CLASS)

_BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_NAME = {(kind.api_version, kind.kind): kind for kind in KINDS}


def find(group: str, version: str, plural: str) -> Kind | None:
    return _BY_PATH.get((group, version, plural))


def named(api_version: str, kind: str) -> Kind | None:
    """By what an object or an owner reference says of itself."""
    return _BY_NAME.get((api_version, kind))


def serves(group: str, version: str) -> bool:
    return any((kind.group, kind.version) == (group, version) for kind in KINDS)


def versions() -> dict[str, Any]:
    """`GET /api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups() -> dict[str, Any]:
    """`GET /apis`."""
    served = sorted({(kind.group, kind.version) for kind in KINDS if kind.group})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(*one) for one in served]}


def group(name: str, version: str) -> dict[str, Any]:
    """One row of `GET /apis`; with kind and apiVersion also `GET /apis/{group}`."""
    shown = {"groupVersion": f"{name}/{version}", "version": version}
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": [shown], "preferredVersion": shown}


def resources(group_name: str, version: str) -> dict[str, Any]:
    """`GET /api/v1`, `GET /apis/{group}/{version}`."""
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        if (kind.group, kind.version) != (group_name, version):
            continue
        row = {"name": kind.plural, "singularName": kind.kind.lower(), "namespaced": kind.namespaced, "kind": kind.kind}
        rows.append({**row, "verbs": VERBS, "shortNames": list(kind.short)})
        rows.extend(_subresource(kind, name) for name in kind.subresources)
    version_text = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version_text, "resources": rows}


def _subresource(kind: Kind, name: str) -> dict[str, Any]:
    row = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced, "kind": kind.kind}
    if name == "scale":
        row |= {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    return {**row, "verbs": ["get", "patch", "update"]}
