"""What pooled environments stand on: made once for each region and stage, closed, and told by the names they look for."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import pytest
import yaml

from infra.components import roles
from infra.components.vault import vault_name
from infra.environment import pooled
from infra.environment.owned import TARGETS, pool_ground
from infra.pool.program import Described, declare
from tests.infra import cloud
from tests.infra.cloud import PLATFORM, SUBSCRIPTION, Declared


@cache
def pool(stage: str = "prod", targets: tuple[str, ...] = TARGETS) -> Declared:
    return cloud.declare(lambda: declare(Described(SUBSCRIPTION, stage, "westeurope", targets, PLATFORM)))


class Arm:
    """A `ResourceManager` that has what a program declared."""

    def __init__(self, made: Declared) -> None:
        self.names = {value for one in made.azure().values() for value in one.inputs.values() if isinstance(value, str)}

    async def get(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        told = {"oidcIssuerProfile": {"issuerURL": "https://issuer.example/own/"}}
        return {"id": resource_id, "properties": told} if resource_id.rpartition("/")[2] in self.names else None

    async def post(self, path: str, api_version: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        assert path.endswith("/listClusterUserCredential")
        return {"kubeconfigs": [{"value": base64.b64encode(yaml.safe_dump(cloud.KUBECONFIG).encode()).decode()}]}

    async def put(self, *_: Any) -> dict[str, Any]:
        raise AssertionError("nothing is written")

    async def delete(self, *_: Any) -> None:
        raise AssertionError("nothing is deleted")


async def test_environments_find_by_its_names_what_it_puts_out() -> None:
    made = pool()
    found = await pooled.find(cloud.record(isolation_model="pool"), Arm(made))
    resources = ("functionsPlanId", "appServicePlanId", "managedEnvironmentId", "clusterId")  # under mocks: no ARM id
    told = {name: value for name, value in made.outputs.items() if name in found and name not in resources}
    assert set(found) - set(resources) == set(told)
    assert {name: found[name] for name in told} == told
    assert all(isinstance(value, str) and value for value in found.values())


async def test_a_pool_that_lacks_a_target_is_told_by_what_is_missing() -> None:
    made = pool("prod", ("container-apps",))
    assert "ManagedEnvironment" in made
    assert not {"Cluster", "FunctionsPlan", "AppServicePlan"} & set(made.resources)
    with pytest.raises(pooled.PoolMissing, match="prod-westeurope has no Cluster, FunctionsPlan, AppServicePlan"):
        await pooled.find(cloud.record(isolation_model="pool"), Arm(made))


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(ValueError, match="virtual-machines"):
        declare(Described(SUBSCRIPTION, "dev", "westeurope", ["virtual-machines"], {}))


def test_the_vault_that_tenants_share_is_closed_and_opened_to_nobody_as_a_whole() -> None:
    made = pool()
    assert made["KeyVault"]["properties"]["publicNetworkAccess"] == "Disabled"
    assert made["KeyVault"]["properties"]["enablePurgeProtection"] is True
    assert made.roles() == {
        (roles.ACR_PULL, PLATFORM["registryId"]),
        (roles.NETWORK_CONTRIBUTOR, made.outputs["networkId"]),
    }


def test_what_that_vault_tells_goes_to_the_platform() -> None:
    made = pool()
    assert made["VaultEvents"]["source"].endswith(f"/vaults/{made['KeyVault']['vaultName']}")
    destination = made["VaultNotices"]["deliveryWithResourceIdentity"]["destination"]
    assert destination["resourceId"] == PLATFORM["noticesQueueId"]


def test_the_names_of_vaults_are_global_and_fit() -> None:
    names = {
        vault_name(pool_ground(subscription, stage, region)).name
        for subscription in (SUBSCRIPTION, "another")
        for stage in ("dev", "test", "staging", "prod")
        for region in ("westeurope", "germanywestcentral")
    }
    assert len(names) == 16
    assert all(len(name) <= 24 for name in names)


def test_everything_says_which_pool_it_is_of() -> None:
    for step, one in pool().azure().items():
        if "location" in one.inputs:
            assert one.inputs["tags"] == {"cs-stage": "prod", "cs-pool": "prod-westeurope"}, step
