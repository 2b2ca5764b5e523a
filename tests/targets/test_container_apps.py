"""What is Container Apps' own: traffic before deactivation, secrets of the app, a PUT that is still in progress."""

from __future__ import annotations

from typing import Any

import pytest

from shared.azure.api_versions import CONTAINER_APPS
from shared.azure.arm import Arm
from shared.kernel.clock import now
from shared.kernel.errors import Refused, Transient
from shared.targets import container_app_bodies as bodies
from shared.targets.container_apps import ContainerApps
from shared.targets.port import SecretReference, Site, Workload
from tests.targets.cloud import Cloud, Place, make_site, stamp, until, workload


class Failing:
    """An Arm whose calls of one method get no answer."""

    def __init__(self, arm: Arm, method: str) -> None:
        self._arm, self._method = arm, method

    def __getattr__(self, name: str) -> Any:
        return self._fail if name == self._method else getattr(self._arm, name)

    async def _fail(self, *_arguments: Any) -> Any:
        raise Transient("arm")


@pytest.fixture
async def apps(cloud: Cloud) -> Place:
    return Place("container-apps", cloud, cloud.targets["container-apps"], await make_site(cloud))


async def call(place: Place, method: str, *arguments: Any) -> None:
    async def attempt() -> bool:
        try:
            await getattr(place.target, method)(place.site, *arguments)
        except Transient:
            return False
        return True

    await until(attempt, bool)


async def ready(place: Place, wanted: Workload) -> None:
    def holds(seen: Any) -> bool:
        return any(one.name == wanted.revision and one.settled for one in seen.revisions) if seen else False

    await until(lambda: place.seen(wanted.service_id), holds)


async def app(place: Place, site: Site) -> dict[str, Any]:
    found = await place.cloud.arm.get(bodies.app_id(site, "orders"), CONTAINER_APPS)
    assert found is not None
    return found


async def test_a_promotion_that_was_cut_off_hides_nothing_and_is_finished_by_the_next(apps: Place) -> None:
    old, new = workload(replicas=1), workload("acr.azurecr.io/orders:2", replicas=1)
    for generation, wanted in ((1, old), (2, new)):
        await call(apps, "apply", stamp(generation), wanted)
        await ready(apps, wanted)
        if wanted is old:
            await call(apps, "promote", stamp(generation), wanted)

    cut = ContainerApps(Failing(apps.cloud.arm, "post"), now)  # type: ignore[arg-type]
    with pytest.raises(Transient):
        await cut.promote(apps.site, stamp(2), new)
    seen = await apps.seen("orders")
    assert seen is not None
    assert {one.name: (one.serving, [r.ready for r in one.replicas]) for one in seen.revisions} == {
        old.revision: (False, [True]),
        new.revision: (True, [True]),
    }

    await call(apps, "promote", stamp(2), new)
    seen = await apps.seen("orders")
    assert seen is not None
    assert [one.name for one in seen.revisions] == [new.revision]


async def test_references_live_as_long_as_a_revision_that_uses_them_and_come_back_with_it(apps: Place) -> None:
    def using(version: str) -> Workload:
        reference = SecretReference(vault_uri="https://kv-one.vault.azure.net/", secret_name="sql", version=version)
        return workload(f"acr.azurecr.io/orders:{version}", env={"SQL": reference}, replicas=1)

    async def versions() -> list[str]:
        secrets = (await app(apps, apps.site))["properties"]["configuration"]["secrets"]
        return sorted(one["keyVaultUrl"].rpartition("/")[2] for one in secrets)

    for generation, version in enumerate(("v1", "v2", "v3"), 1):
        await call(apps, "apply", stamp(generation), using(version))
        await ready(apps, using(version))
        await call(apps, "promote", stamp(generation), using(version))
    assert await versions() == ["v2", "v3"]  # v2 was still in use when v3 came

    await call(apps, "apply", stamp(4), using("v1"))
    await ready(apps, using("v1"))
    await call(apps, "promote", stamp(4), using("v1"))
    assert await versions() == ["v1", "v3"]
    seen = await apps.seen("orders")
    assert seen is not None
    assert seen.env == {"SQL": "keyvault:https://kv-one.vault.azure.net/secrets/sql/v1"}


async def test_applying_again_while_the_first_is_in_progress_creates_nothing_twice(apps: Place) -> None:
    apps.cloud.transport.sent.clear()
    wanted = workload(replicas=1)
    await apps.target.apply(apps.site, stamp(), wanted)
    for _ in range(3):
        await apps.target.apply(apps.site, stamp(), wanted)
    assert [method for method, _ in apps.cloud.transport.sent if method != "GET"] == ["PUT"]


async def test_marks_that_others_put_on_an_app_stay(apps: Place) -> None:
    wanted = workload(replicas=1)
    await call(apps, "apply", stamp(1), wanted)
    await ready(apps, wanted)
    tags = (await app(apps, apps.site))["tags"] | {"cost-centre": "42"}
    await apps.cloud.arm.patch(bodies.app_id(apps.site, "orders"), CONTAINER_APPS, {"tags": tags})

    await call(apps, "apply", stamp(2), workload("acr.azurecr.io/orders:2", replicas=1))

    found = await app(apps, apps.site)
    assert (found["tags"]["cost-centre"], found["tags"]["cs-stamp"], found["tags"]["cs-release"]) == ("42", "2.1", "dep-2")


async def test_scaling_moves_the_traffic_only_once_the_new_replicas_are_ready(apps: Place) -> None:
    wanted = workload(replicas=1)
    await call(apps, "apply", stamp(1), wanted)
    await ready(apps, wanted)
    await call(apps, "promote", stamp(1), wanted)
    apps.cloud.workloads.add_behaviour({"environmentId": apps.site.environment_id, "neverReady": True})

    target = ContainerApps(apps.cloud.arm, now, takeover_seconds=0.5)
    more = wanted.model_copy(update={"replicas": 2})
    with pytest.raises(Transient):
        await target.scale(apps.site, stamp(2), more)
    served = apps.running("orders")
    apps.cloud.workloads.clear_behaviours()
    assert served is not None
    assert served["revision"] == bodies.revision_name(apps.site, wanted)

    await call(apps, "scale", stamp(2), more)
    seen = await apps.seen("orders")
    assert seen is not None
    assert (seen.replicas, [one.name for one in seen.revisions]) == (2, [wanted.revision])


async def test_what_container_apps_refuses_is_refused(apps: Place) -> None:
    broken = apps.site.model_copy(update={"outputs": {**apps.site.outputs, "managedEnvironmentId": "/nowhere"}})
    with pytest.raises(Refused) as told:
        await apps.target.apply(broken, stamp(), workload())
    assert told.value.code == "InvalidManagedEnvironmentId"
