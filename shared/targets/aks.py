"""Azure Kubernetes Service as a target: one Deployment per service, rolled out replica by replica, by server-side apply.

Applying is replacing: the old replicas end as the new ones become ready, so `promote` only tidies up. Every write of the
Deployment is from the version whose stamp was read: a lower stamp cannot slip in between, and a write that met another is
made again from what stands then. Its other objects follow from the workload or carry the stamp themselves.

`observe` costs five lists per namespace, however many services there are, and a sixth where secrets are mounted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.azure.credentials import CredentialFactory
from shared.kernel.clock import Clock
from shared.kernel.errors import Refused, Transient
from shared.targets import aks_objects as objects
from shared.targets import aks_scaling as scaling
from shared.targets import aks_secrets, naming
from shared.targets.aks_holding import OURS
from shared.targets.aks_reading import Listing, observations
from shared.targets.port import Observation, Scaling, Site, Stamp, Workload

if TYPE_CHECKING:
    from shared.targets.cluster import Cluster

Json = dict[str, Any]
_TRIES = 8  # controllers write an object's status all the time while it rolls out
COUNT_MANAGER = f"{OURS}-replicas"
STAMP_MANAGER = f"{OURS}-stamp"


class Aks:
    """Implements `Target`. One client per API server, kept; `close` ends them."""

    def __init__(self, credential: CredentialFactory, clock: Clock) -> None:
        self._credential = credential
        self._clock = clock
        self._clusters: dict[tuple[str, str], Cluster] = {}

    async def apply(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        cluster = self._cluster(site)
        if await self._deployment(cluster, site, workload.service_id) is None:
            await cluster.apply(objects.namespace(site))
        await _settings(cluster, objects.config_map(site, workload))
        for one in objects.secret_classes(site, workload):
            await cluster.apply(one)
        await self._roll_out(cluster, site, stamp, workload)
        await cluster.apply(objects.service(site, workload))
        await self._enforce(cluster, site, stamp, workload)

    async def promote(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        """The rollout replaced the others already; what is left are their settings."""
        cluster = self._cluster(site)
        await self._standing(cluster, site, stamp, workload.service_id)
        kept = objects.config_map_name(workload.service_id, workload.revision)
        labels = objects.service_labels(site, workload.service_id)
        for one in await cluster.list("ConfigMap", objects.namespace_of(site), labels):
            if one["metadata"]["name"] != kept:
                await cluster.delete("ConfigMap", one["metadata"]["name"], objects.namespace_of(site))
        for one in await _secret_classes(cluster, objects.namespace_of(site), labels):
            if not one["metadata"]["name"].startswith(f"{kept}-"):
                await cluster.delete(aks_secrets.KIND, one["metadata"]["name"], objects.namespace_of(site))

    async def observe(self, site: Site) -> Mapping[str, Observation]:
        cluster, namespace = self._cluster(site), objects.namespace_of(site)
        labels = {naming.ENVIRONMENT_LABEL: site.environment_id}
        kinds = ("Deployment", "ReplicaSet", "Pod", "HorizontalPodAutoscaler", "ConfigMap")
        lists = await asyncio.gather(*(cluster.list(kind, namespace, labels) for kind in kinds))
        listing = Listing(*lists)
        if aks_secrets.are_mounted(listing.deployments):
            listing = replace(listing, secret_classes=await _secret_classes(cluster, namespace, labels))
        return observations(listing, self._clock())

    async def scale(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        cluster = self._cluster(site)
        await self._claim(cluster, site, stamp, workload.service_id)
        await self._enforce(cluster, site, stamp, workload)

    async def remove(self, site: Site, stamp: Stamp, service_ids: Sequence[str]) -> None:
        cluster, namespace = self._cluster(site), objects.namespace_of(site)
        for service_id in service_ids:
            name = objects.object_name(service_id)
            if await self._deployment(cluster, site, service_id) is not None:
                await self._claim(cluster, site, stamp, service_id)
            for kind in ("HorizontalPodAutoscaler", "Service", "Deployment"):
                await cluster.delete(kind, name, namespace)
            labels = objects.service_labels(site, service_id)
            for one in await cluster.list("ConfigMap", namespace, labels):
                await cluster.delete("ConfigMap", one["metadata"]["name"], namespace)
            for one in await _secret_classes(cluster, namespace, labels):
                await cluster.delete(aks_secrets.KIND, one["metadata"]["name"], namespace)

    async def close(self) -> None:
        clusters, self._clusters = self._clusters, {}
        for cluster in clusters.values():
            await cluster.close()

    async def _roll_out(self, cluster: Cluster, site: Site, stamp: Stamp, workload: Workload) -> None:
        from shared.targets.cluster import Moved

        for _ in range(_TRIES):
            deployment = await self._deployment(cluster, site, workload.service_id)
            try:
                if deployment is None:
                    deployment = await cluster.create(objects.birth(site, stamp, workload))
                naming.fence(stamp, _stamp(deployment))
                if objects.is_edited(deployment):  # an apply leaves alone what others added (a variable, a sidecar)
                    body = objects.deployment(site, stamp, workload, _version(deployment))
                    deployment = await cluster.merge(body)
                await cluster.apply(objects.deployment(site, stamp, workload, _version(deployment)))
            except Moved:
                continue
            return
        raise Transient("kubernetes")

    async def _claim(self, cluster: Cluster, site: Site, stamp: Stamp, service_id: str) -> None:
        """Put the stamp on the deployment before something beside it is changed: nothing older follows."""
        from shared.targets.cluster import Moved

        for _ in range(_TRIES):
            deployment = await self._standing(cluster, site, stamp, service_id)
            if _stamp(deployment) == stamp.text:
                return
            try:
                body = objects.mark(site, stamp, service_id, _version(deployment))
                await cluster.apply(body, manager=STAMP_MANAGER)
            except Moved:
                continue
            return
        raise Transient("kubernetes")

    async def _enforce(self, cluster: Cluster, site: Site, stamp: Stamp, workload: Workload) -> None:
        """The autoscaler, or the count. Without a policy the autoscaler goes first: it would undo the count. With one, the
        count is brought within its bounds first: an autoscaler leaves a deployment at none alone."""
        if workload.scaling is None:
            name, namespace = objects.object_name(workload.service_id), objects.namespace_of(site)
            if await cluster.get("HorizontalPodAutoscaler", name, namespace) is not None:
                await self._standing(cluster, site, stamp, workload.service_id)
                await cluster.delete("HorizontalPodAutoscaler", name, namespace)
        await self._count(cluster, site, stamp, workload)
        if workload.scaling is not None:
            await self._autoscale(cluster, site, stamp, workload, workload.scaling)

    async def _count(self, cluster: Cluster, site: Site, stamp: Stamp, workload: Workload) -> None:
        from shared.targets.cluster import Moved

        least, most = scaling.bounds(workload)
        for _ in range(_TRIES):
            deployment = await self._standing(cluster, site, stamp, workload.service_id)
            running = int(deployment["spec"].get("replicas", 1))
            wanted = min(max(running, least), most)
            if wanted == running:
                return
            body = scaling.count(site, workload.service_id, wanted, _version(deployment))
            try:
                await cluster.apply(body, manager=COUNT_MANAGER)
            except Moved:
                continue
            return
        raise Transient("kubernetes")

    async def _autoscale(self, cluster: Cluster, site: Site, stamp: Stamp, workload: Workload, policy: Scaling) -> None:
        from shared.targets.cluster import Moved

        name, namespace = objects.object_name(workload.service_id), objects.namespace_of(site)
        for _ in range(_TRIES):
            standing = await cluster.get("HorizontalPodAutoscaler", name, namespace)
            naming.fence(stamp, _stamp(standing) if standing else None)
            version = _version(standing) if standing else None
            try:
                await cluster.apply(scaling.autoscaler(site, stamp, workload, policy, version))
            except Moved:
                continue
            return
        raise Transient("kubernetes")

    async def _standing(self, cluster: Cluster, site: Site, stamp: Stamp, service_id: str) -> Json:
        deployment = await self._deployment(cluster, site, service_id)
        if deployment is None:
            raise Refused("kubernetes", "DeploymentNotFound", service_id)
        naming.fence(stamp, _stamp(deployment))
        return deployment

    async def _deployment(self, cluster: Cluster, site: Site, service_id: str) -> Json | None:
        return await cluster.get("Deployment", objects.object_name(service_id), objects.namespace_of(site))

    def _cluster(self, site: Site) -> Cluster:
        from shared.targets.cluster import Cluster

        server = site.outputs.get("clusterServer")
        if not server:
            raise Refused("kubernetes", "ClusterMissing", "the environment has no output clusterServer")
        key = (server, site.outputs.get("clusterCertificateAuthority", ""))
        if key not in self._clusters:
            try:
                self._clusters[key] = Cluster(*key, self._credential)
            except (ValueError, OSError) as unreadable:  # ssl.SSLError is an OSError
                raise Refused("kubernetes", "CertificateAuthorityUnreadable", server) from unreadable
        return self._clusters[key]


async def _secret_classes(cluster: Cluster, namespace: str, labels: Mapping[str, str]) -> list[Json]:
    """None on a cluster without the driver: there is no such resource."""
    try:
        return await cluster.list(aks_secrets.KIND, namespace, labels)
    except Refused as refused:
        if refused.code in ("NotFound", "404"):
            return []
        raise


async def _settings(cluster: Cluster, wanted: Json) -> None:
    standing = await cluster.apply(wanted)
    if (removal := objects.without_additions(wanted, standing)) is not None:
        await cluster.merge(removal)


def _stamp(thing: Json) -> str | None:
    value = (thing["metadata"].get("annotations") or {}).get(naming.STAMP_ANNOTATION)
    return None if value is None else str(value)


def _version(thing: Json) -> str:
    return str(thing["metadata"]["resourceVersion"])
