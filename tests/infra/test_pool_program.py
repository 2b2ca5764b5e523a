"""What pooled environments stand on: made once for each region and stage, closed, and told by the names they look for."""

from __future__ import annotations

from functools import cache

import pytest

from infra.components import roles
from infra.environment.base import OUTPUTS, lacking
from infra.environment.owned import TARGETS, own_part_of_pool
from infra.pool.program import Described, declare
from tests.infra import cloud
from tests.infra.cloud import SUBSCRIPTION, Declared

PLATFORM = {"endpointsSubnetId": "/platform/subnet", "vaultZoneId": "/platform/zone", "registryId": "/platform/registry"}


@cache
def pool(stage: str = "prod", targets: tuple[str, ...] = TARGETS) -> Declared:
    return cloud.declare(lambda: declare(Described(SUBSCRIPTION, stage, "westeurope", targets, PLATFORM)))


def test_it_puts_out_what_environments_look_for() -> None:
    assert lacking(pool().outputs, TARGETS) == []
    assert all(isinstance(value, str) and value for value in pool().outputs.values())


def test_only_the_targets_that_were_asked_for_are_made() -> None:
    made = pool("dev", ("container-apps",))
    assert "ManagedEnvironment" in made
    assert not {"Cluster", "FunctionsPlan", "AppServicePlan"} & set(made.resources)
    assert set(OUTPUTS["aks"]) <= set(lacking(made.outputs, TARGETS))


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


def test_the_names_of_vaults_are_global_and_fit() -> None:
    names = {
        f"kv-{own_part_of_pool(subscription, stage, region)}"
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
