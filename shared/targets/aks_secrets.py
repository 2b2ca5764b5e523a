"""Key Vault secrets in a cluster, through the Secrets Store CSI driver: files in the pod, no value in the cluster's API.

One SecretProviderClass for each vault that a revision uses, named after the revision, with every secret at its version; no
`secretObjects`, so nothing is copied into a Secret. A file lies at `/mnt/secrets/<vault>/<VARIABLE>`, and the variable of
that name holds the file's path: the nearest that a process gets to its value without the API server having seen it.

The driver signs in as the environment's identity, by workload identity: the identity's federated credential names the
service account `default` of the namespace. Parameters as of the Azure provider ("Azure Key Vault Provider for Secrets Store
CSI Driver"); their `objects` are YAML, written here as JSON, which is YAML too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from shared.targets.port import SecretReference, Site, Workload

Json = dict[str, Any]

MOUNTED: Final = "/mnt/secrets"
DRIVER: Final = "secrets-store.csi.k8s.io"
API_VERSION: Final = "secrets-store.csi.x-k8s.io/v1"
KIND: Final = "SecretProviderClass"


def path(name: str, reference: SecretReference) -> str:
    """What the variable `name` holds."""
    return f"{MOUNTED}/{vault_name(reference.vault_uri)}/{name}"


def vault_name(vault_uri: str) -> str:
    return (urlsplit(vault_uri).hostname or "").partition(".")[0]


def classes(site: Site, workload: Workload, about: Json, prefix: str) -> list[Json]:
    """`about` is the metadata that all objects of the service share, `prefix` what the names begin with."""
    made = []
    for vault, references in sorted(_by_vault(workload).items()):
        parameters = {
            "usePodIdentity": "false",
            "keyvaultName": vault,
            "objects": json.dumps({"array": [json.dumps(_object(name, one)) for name, one in references]}),
        }
        for parameter, output in (("clientID", "identityClientId"), ("tenantId", "directoryId")):
            if value := site.outputs.get(output):
                parameters[parameter] = value
        metadata = {**about, "name": f"{prefix}-{vault}"}
        spec = {"provider": "azure", "parameters": parameters}
        made.append({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec})
    return made


def _object(name: str, reference: SecretReference) -> Json:
    return {
        "objectName": reference.secret_name,
        "objectType": "secret",
        "objectVersion": reference.version,
        "objectAlias": name,
    }


def volumes(workload: Workload, prefix: str) -> list[Json]:
    """Of a pod's spec."""
    return [
        {
            "name": f"vault-{vault}",
            "csi": {"driver": DRIVER, "readOnly": True, "volumeAttributes": {"secretProviderClass": f"{prefix}-{vault}"}},
        }
        for vault in sorted(_by_vault(workload))
    ]


def mounts(workload: Workload) -> list[Json]:
    """Of its container."""
    vaults = sorted(_by_vault(workload))
    return [{"name": f"vault-{vault}", "mountPath": f"{MOUNTED}/{vault}", "readOnly": True} for vault in vaults]


def _by_vault(workload: Workload) -> dict[str, list[tuple[str, SecretReference]]]:
    found: dict[str, list[tuple[str, SecretReference]]] = {}
    for name, value in sorted(workload.env.items()):
        if isinstance(value, SecretReference):
            found.setdefault(vault_name(value.vault_uri), []).append((name, value))
    return found


def are_mounted(deployments: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any pod template mounts secrets: only then is there a class to look for."""
    return any(_class_names(one["spec"]["template"]) for one in deployments)


def files(template: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Path -> `keyvault:<uri>` for the files that a pod template mounts, by the classes that stand."""
    found = {}
    for name in _class_names(template):
        parameters = (known.get(name, {}).get("spec") or {}).get("parameters") or {}
        vault = str(parameters.get("keyvaultName", ""))
        for one in _objects(str(parameters.get("objects", ""))):
            uri = f"https://{vault}.vault.azure.net/secrets/{one.get('objectName')}/{one.get('objectVersion', '')}"
            found[f"{MOUNTED}/{vault}/{one.get('objectAlias') or one.get('objectName')}"] = f"keyvault:{uri}"
    return found


def _class_names(template: Mapping[str, Any]) -> Iterator[str]:
    for volume in (template.get("spec") or {}).get("volumes") or []:
        if (csi := volume.get("csi") or {}).get("driver") == DRIVER:
            yield str((csi.get("volumeAttributes") or {}).get("secretProviderClass", ""))


def _objects(text: str) -> list[Mapping[str, Any]]:
    """[] for what somebody else wrote in another way: then the path is all that can be told."""
    try:
        return [json.loads(one) for one in json.loads(text)["array"]]
    except (ValueError, KeyError, TypeError):
        return []
