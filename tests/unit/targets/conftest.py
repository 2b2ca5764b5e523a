"""A site and workloads for what is rendered from them."""

from __future__ import annotations

import pytest

from shared.targets.port import Scaling, SecretReference, Site, Stamp, Workload

GROUP = "/subscriptions/s/resourceGroups/g/providers"


@pytest.fixture
def site() -> Site:
    return Site(
        tenant_id="tenant",
        project_id="project",
        environment_id="env-0123456789abcdef",
        stage="prod",
        region="westeurope",
        subscription_id="s",
        resource_group="g",
        outputs={
            "managedEnvironmentId": f"{GROUP}/Microsoft.App/managedEnvironments/cae",
            "identityId": f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/id",
            "clusterNamespace": "env-one",
            "clusterServer": "https://cluster.example",
            "serviceBusNamespace": "sb-one",
        },
    )


@pytest.fixture
def stamp() -> Stamp:
    return Stamp(operation_id="op-1", generation=4, attempt=2)


@pytest.fixture
def workload() -> Workload:
    reference = SecretReference(vault_uri="https://kv-one.vault.azure.net/", secret_name="sql", version="v1")
    return Workload(
        service_id="orders",
        image="acr.azurecr.io/orders:1",
        replicas=3,
        env={"MODE": "fast", "SQL": reference},
        release="dep-1",
    )


@pytest.fixture
def policy() -> Scaling:
    return Scaling(metric="cpu", min_replicas=2, max_replicas=20, target_utilization_percent=65)
