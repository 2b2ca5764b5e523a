"""What stands in a real cluster before the platform uses it: nodes, the CSI driver's resource, rights, webhooks, metrics.

The platform is an ordinary user with exactly the rights that it is given on AKS; nobody but ourselves is an administrator.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from localazure.kubernetes.kinds import KINDS, SECRET_PROVIDER_CLASS
from localazure.kubernetes_real.metrics import VERSIONS
from localazure.layout import LOOPBACK

PLATFORM = "runtime-cloud"
NODES = ("node-1", "node-2", "node-3")
_NODE_SIZE = {"cpu": "64", "memory": "512Gi", "pods": "500"}
_WRITTEN = ("namespaces", "services", "configmaps", "deployments", "horizontalpodautoscalers", "secretproviderclasses")
_READ = ("pods", "replicasets")
_SERVICE = {"name": "metrics", "namespace": "kube-system"}

Json = dict[str, Any]


def wanted(authority: str, hooks: int) -> Iterator[tuple[str, Json]]:
    """(path of the collection, object) of everything; `hooks` is the port on which we answer the API server."""
    yield "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", _secret_provider_classes()
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    yield f"{rbac}/clusterroles", _role()
    yield f"{rbac}/clusterrolebindings", _binding()
    for name in NODES:
        yield "/api/v1/nodes", _node(name)
    yield "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", _admission(authority, hooks)
    yield "/api/v1/namespaces/kube-system/services", _metrics_service(hooks)
    for version in VERSIONS:
        yield "/apis/apiregistration.k8s.io/v1/apiservices", _metrics(version, hooks)


def _role() -> Json:
    rules = [
        _rule(kind.group, kind.plural, write=kind.plural in _WRITTEN)
        for kind in KINDS
        if kind.plural in (*_WRITTEN, *_READ)
    ]
    return _object("rbac.authorization.k8s.io/v1", "ClusterRole", PLATFORM, rules=rules)


def _rule(group: str, plural: str, *, write: bool) -> Json:
    verbs = ["get", "list", "watch", *(["create", "update", "patch", "delete"] if write else [])]
    return {"apiGroups": [group], "resources": [plural], "verbs": verbs}


def _binding() -> Json:
    group = "rbac.authorization.k8s.io"
    return _object(
        f"{group}/v1",
        "ClusterRoleBinding",
        PLATFORM,
        roleRef={"apiGroup": group, "kind": "ClusterRole", "name": PLATFORM},
        subjects=[{"apiGroup": group, "kind": "Group", "name": PLATFORM}],
    )


def _node(name: str) -> Json:
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    node = _object("v1", "Node", name, status={"allocatable": _NODE_SIZE, "capacity": _NODE_SIZE})
    node["metadata"]["labels"] = labels
    return node


def _secret_provider_classes() -> Json:
    """The resource of the Secrets Store CSI driver; what the driver would mount is read by whoever runs the pods."""
    kind = SECRET_PROVIDER_CLASS
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return _object(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        kind.qualified,
        spec={
            "group": kind.group,
            "scope": "Namespaced",
            "names": {
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
            },
            "versions": [{"name": kind.version, "served": True, "storage": True, "schema": schema}],
        },
    )


def _admission(authority: str, hooks: int) -> Json:
    """`Fail`: a pod without a port of its own would answer for another one."""
    hook = {
        "name": "ports.localazure.local",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 5,
        "clientConfig": {
            "url": f"https://{LOOPBACK}:{hooks}/admit",
            "caBundle": base64.b64encode(authority.encode()).decode(),
        },
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    }
    return _object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "localazure", webhooks=[hook])


def _metrics_service(hooks: int) -> Json:
    service = _object("v1", "Service", _SERVICE["name"])
    return {**service, "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": hooks}]}}


def _metrics(version: str, hooks: int) -> Json:
    """Without TLS verification: the API server would look for a name of the cluster's DNS, which is not here."""
    group, _, number = version.partition("/")
    return _object(
        "apiregistration.k8s.io/v1",
        "APIService",
        f"{number}.{group}",
        spec={
            "group": group,
            "version": number,
            "service": {**_SERVICE, "port": hooks},
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    )


def _object(api_version: str, kind: str, name: str, **content: Any) -> Json:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **content}
