"""What Kubernetes allows beyond the Protocol: writes that are conditional, and a count that an autoscaler owns."""

from __future__ import annotations

import asyncio

import pytest

from shared.kernel.errors import Superseded
from shared.targets import aks_objects as objects
from shared.targets.cluster import Cluster
from shared.targets.port import Scaling
from tests.targets.cloud import REAL, Cloud, Credential, Place, cloud_of, make_site, stamp, until, workload

POLICY = Scaling(metric="cpu", min_replicas=2, max_replicas=6, target_utilization_percent=65)


@pytest.fixture(params=["aks", REAL])
def kubernetes(request: pytest.FixtureRequest) -> Cloud:
    return cloud_of(request)


@pytest.fixture
async def aks(kubernetes: Cloud) -> Place:
    return Place("aks", kubernetes, kubernetes.targets["aks"], await make_site(kubernetes))


async def test_of_racing_attempts_the_newest_wins_whatever_the_order(aks: Place) -> None:
    wanted = {n: workload(f"acr.azurecr.io/orders:{n}", replicas=1) for n in range(1, 5)}

    async def attempt(number: int) -> None:
        try:
            await aks.target.apply(aks.site, stamp(1, attempt=number), wanted[number])
        except Superseded:
            assert number < 4

    await asyncio.gather(*(attempt(number) for number in (4, 2, 1, 3)))

    seen = await until(lambda: aks.seen("orders"), lambda one: one.serving.settled)
    assert (seen.stamp, seen.serving.name) == ("1.4", wanted[4].revision)


async def test_a_count_that_the_autoscaler_chose_survives_a_deployment_and_a_new_policy(aks: Place) -> None:
    await aks.target.apply(aks.site, stamp(1), workload(scaling=POLICY))
    await aks.meddle("orders", replicas=5)  # as the autoscaler does, through the scale subresource

    newer = workload("acr.azurecr.io/orders:2", scaling=POLICY)
    await aks.target.apply(aks.site, stamp(2), newer)
    seen = await until(lambda: aks.seen("orders"), lambda one: one.serving.settled and one.serving.name == newer.revision)
    assert (seen.replicas, len(seen.serving.replicas)) == (5, 5)

    tighter = newer.model_copy(update={"scaling": POLICY.model_copy(update={"max_replicas": 3})})
    await aks.target.scale(aks.site, stamp(3), tighter)
    seen = await until(lambda: aks.seen("orders"), lambda one: one.serving.settled and one.replicas == 3)
    assert seen.autoscaled


async def test_what_others_put_beside_our_settings_is_taken_out_again(aks: Place) -> None:
    wanted = workload(env={"MODE": "fast"}, replicas=1)
    await aks.target.apply(aks.site, stamp(1), wanted)
    cluster = Cluster(aks.site.outputs["clusterServer"], aks.site.outputs["clusterCertificateAuthority"], Credential)
    namespace = aks.site.outputs["clusterNamespace"]
    metadata = {"name": f"orders-{wanted.revision}", "namespace": namespace}
    await cluster.merge({"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"EXTRA": "1"}})
    seen = await aks.seen("orders")
    assert seen is not None
    assert seen.env == {"MODE": "fast", "EXTRA": "1"}

    await aks.target.apply(aks.site, stamp(2), wanted)

    seen = await aks.seen("orders")
    assert seen is not None
    assert seen.env == {"MODE": "fast"}
    await cluster.close()


async def test_settings_of_revisions_that_were_replaced_are_gone_after_the_promotion(aks: Place) -> None:
    old, new = workload(env={"A": "1"}, replicas=1), workload(env={"A": "2"}, replicas=1)
    await aks.target.apply(aks.site, stamp(1), old)
    await aks.target.apply(aks.site, stamp(2), new)
    await until(lambda: aks.seen("orders"), lambda one: one.serving.settled)
    cluster = Cluster(aks.site.outputs["clusterServer"], aks.site.outputs["clusterCertificateAuthority"], Credential)
    namespace = aks.site.outputs["clusterNamespace"]
    ours = objects.service_labels(aks.site, "orders")  # a namespace has a ConfigMap of its own: the cluster's authority
    assert len(await cluster.list("ConfigMap", namespace, ours)) == 2

    await aks.target.promote(aks.site, stamp(2), new)

    left = await cluster.list("ConfigMap", namespace, ours)
    assert [one["metadata"]["name"] for one in left] == [f"orders-{new.revision}"]
    await cluster.close()


async def test_a_token_is_replaced_before_it_ends(cloud: Cloud) -> None:
    class Short(Credential):
        asked = 0

        async def get_token(self, *scopes: str, **options: object):
            Short.asked += 1
            token = await super().get_token(*scopes, **options)
            return token._replace(expires_on=token.expires_on - 3500)

    site, credential = await make_site(cloud), Short()
    cluster = Cluster(site.outputs["clusterServer"], site.outputs["clusterCertificateAuthority"], lambda: credential)
    for _ in range(3):
        await cluster.list("Pod", "default", {})
    assert Short.asked == 3
    await cluster.close()
