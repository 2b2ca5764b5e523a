"""What an environment tells the platform once it stands: addresses and ids, all of them strings, no secret."""

from __future__ import annotations

import base64
from typing import Any

import yaml

from localazure.engine import resources as names
from localazure.engine.part import IDENTITY, Answers, Environment


def outputs_of(environment: Environment, answers: Answers) -> dict[str, str]:
    """Outputs of a target are there only when the environment has that target."""
    identity, vault = answers[IDENTITY], answers[names.VAULT]
    outputs = {
        "resourceGroup": environment.group,
        "identityId": identity["id"],
        "identityClientId": identity["properties"]["clientId"],
        "directoryId": identity["properties"]["tenantId"],
        "workspaceId": answers[names.WORKSPACE]["id"],
        "vaultUri": vault["properties"]["vaultUri"],
        "serviceBusNamespace": answers[names.SERVICE_BUS]["name"],
    }
    if managed := answers.get(names.MANAGED_ENVIRONMENT):
        outputs["managedEnvironmentId"] = managed["id"]
    for name, step in (("functionsPlanId", names.FUNCTIONS_PLAN), ("appServicePlanId", names.APP_SERVICE_PLAN)):
        if plan := answers.get(step):
            outputs[name] = plan["id"]
    if storage := answers.get(names.FUNCTIONS_STORAGE):
        outputs["functionsStorageAccount"] = storage["name"]
    if cluster := answers.get(names.CLUSTER):
        outputs |= _cluster_outputs(environment, cluster)
    return outputs


def _cluster_outputs(environment: Environment, cluster: dict[str, Any]) -> dict[str, str]:
    kubeconfig = yaml.safe_load(base64.b64decode(cluster["credential"]["kubeconfigs"][0]["value"]))
    reached = kubeconfig["clusters"][0]["cluster"]
    return {
        "clusterServer": reached["server"],
        "clusterCertificateAuthority": reached["certificate-authority-data"],
        "clusterNamespace": f"cs-{environment.id}",
    }
