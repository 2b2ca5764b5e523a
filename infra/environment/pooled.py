"""The pool that a pooled or shared environment stands on, found by its names: no stack of another project is read.

What `infra/pool` makes has names that follow from subscription, stage and region, so whoever knows these knows the ids.
Whether the resources are there, ARM says.
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.components.cluster import cluster_name, reached_by
from infra.components.container_apps import environment_name
from infra.components.ground import Ground, Named
from infra.components.logs import workspace_name
from infra.components.network import network_name, subnet_of, zone_name
from infra.components.plans import plan_name
from infra.components.vault import vault_name, vault_uri
from infra.environment.base import OUTPUT_OF_PLAN
from infra.environment.owned import AKS, CONTAINER_APPS, pool_ground
from infra.provisioner.engine import EnvironmentRecord, ResourceManager


class PoolMissing(Exception):
    """Its text is one line for a person."""


def needed(ground: Ground, targets: Sequence[str]) -> list[Named]:
    """What of a pool an environment with these targets leans on."""
    found = [workspace_name(ground), network_name(ground), zone_name(ground), vault_name(ground)]
    if CONTAINER_APPS in targets:
        found.append(environment_name(ground))
    if AKS in targets:
        found.append(cluster_name(ground))
    return found + [plan_name(ground, target) for target in OUTPUT_OF_PLAN if target in targets]


async def find(record: EnvironmentRecord, arm: ResourceManager) -> dict[str, str]:
    """By the names of the environment's outputs, and `clusterIssuer`. Raises `PoolMissing`, and what `arm` raises."""
    ground = pool_ground(record.placement["subscriptionId"], record.stage, record.region)
    targets = record.compute_targets
    missing = [one.step for one in needed(ground, targets) if await arm.get(one.id, one.api_version) is None]
    if missing:
        raise PoolMissing(f"the pool {record.stage}-{record.region} has no {', '.join(missing)}: infra/pool makes it")
    return {**_common(ground), **await _of_targets(ground, targets, arm)}


def _common(ground: Ground) -> dict[str, str]:
    return {
        "workspaceId": workspace_name(ground).id,
        "endpointsSubnetId": subnet_of(network_name(ground), "private-endpoints"),
        "vaultZoneId": zone_name(ground).id,
        "vaultUri": vault_uri(ground),
    }


async def _of_targets(ground: Ground, targets: Sequence[str], arm: ResourceManager) -> dict[str, str]:
    told = {name: plan_name(ground, target).id for target, name in OUTPUT_OF_PLAN.items() if target in targets}
    if CONTAINER_APPS in targets:
        told["managedEnvironmentId"] = environment_name(ground).id
    if AKS in targets:
        cluster = cluster_name(ground)
        answer = await arm.post(f"{cluster.id}/listClusterUserCredential", cluster.api_version)
        server, authority = reached_by(answer["kubeconfigs"][0]["value"])
        told |= {"clusterServer": server, "clusterCertificateAuthority": authority, "clusterId": cluster.id}
        standing = await arm.get(cluster.id, cluster.api_version) or {}
        told["clusterIssuer"] = standing["properties"]["oidcIssuerProfile"]["issuerURL"]
    return told
