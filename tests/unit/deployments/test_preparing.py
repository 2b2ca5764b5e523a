"""From what a release names to what is to run."""

from __future__ import annotations

from shared.runtime.rollout import plan
from shared.runtime.rollout.plan import Planned
from shared.targets.port import SecretReference, Workload
from tests.unit.deployments.driving import released, rolled_back
from tests.unit.doubles.vault import VAULT
from tests.unit.doubles.world import World, component, image

V1 = "1" * 32


async def workload(world: World, service_id: str) -> Workload:
    stable = await world.stable()
    assert stable is not None
    return stable.services[service_id].workload


async def test_a_release_changes_only_the_components_it_names(world: World) -> None:
    first = await released(world, component("api", "1"), component("web", "1"))
    second = await released(world, component("api", "2"), releaseRef="release-2")
    stable = await world.stable()
    assert stable is not None
    assert {name: placed.workload.release for name, placed in stable.services.items()} == {"api": second, "web": first}
    assert world.apps.of("apply") == ["api", "web", "api"]
    assert (stable.deployment_id, stable.release_ref) == (second, "release-2")


async def test_the_inventory_follows_the_snapshot(world: World) -> None:
    await released(world, component("api", "1"), component("web", "1", "aks"))
    second = await released(world, component("api", "2", replicas=3))
    await world.hear_of_it()
    rows = await world.inventory()
    assert {name: (row.version, row.target, row.replicas) for name, row in rows.items()} == {
        "api": ("2", "container-apps", 3),
        "web": ("1", "aks", 1),
    }
    assert rows["api"].deployment_id == second
    assert rows["api"].endpoint_url is not None
    assert rows["api"].generation == (await world.slot()).generation


async def test_replicas_default_to_what_runs_and_else_to_one(world: World) -> None:
    await released(world, component("api", "1", replicas=4), component("web", "1"))
    await released(world, component("api", "2"), component("web", "2", replicas=2))
    assert ((await workload(world, "api")).replicas, (await workload(world, "web")).replicas) == (4, 2)


async def test_a_release_that_names_no_configuration_keeps_the_one_that_each_service_has(world: World) -> None:
    configuration = await world.publish({"MODE": "fast"})
    await released(world, component("api", "1"), configurationId=configuration)
    await released(world, component("api", "2"))
    assert (await workload(world, "api")).env == {"MODE": "fast"}


async def test_a_configuration_of_another_module_takes_nobodys_away(world: World) -> None:
    await released(world, component("api", "1"), configurationId=await world.publish({"MODE": "fast"}, "api"))
    webs = await world.publish({"THEME": "dark"}, "web")
    await released(world, component("api", "2"), component("web", "1"), configurationId=webs)
    assert (await workload(world, "api")).env == {"MODE": "fast"}
    assert (await workload(world, "web")).env == {"THEME": "dark"}


async def test_a_module_without_any_configuration_gets_none_of_another_modules(world: World) -> None:
    webs = await world.publish({"THEME": "dark"}, "web")
    await released(world, component("api", "1"), configurationId=webs)
    stable = await world.stable()
    assert stable is not None
    assert (stable.services["api"].workload.env, stable.services["api"].configuration_id) == ({}, None)


async def test_values_become_variables_in_jsons_words_and_references_stay_references(world: World) -> None:
    world.vault.holds("db-password", V1)
    binding = await world.bind({"name": "db", "secretName": "db-password"})
    values = {"ON": True, "OFF": False, "N": 7, "RATIO": 0.5, "MODE": "fast", "DB": {"secretRef": f"{binding}/db"}}
    await released(world, component("api"), configurationId=await world.publish(values))
    assert (await workload(world, "api")).env == {
        "ON": "true",
        "OFF": "false",
        "N": "7",
        "RATIO": "0.5",
        "MODE": "fast",
        "DB": SecretReference(vault_uri=VAULT, secret_name="db-password", version=V1),
    }


async def test_what_the_component_sets_outranks_the_configuration(world: World) -> None:
    configuration = await world.publish({"MODE": "fast", "THEME": "dark"})
    await released(world, component("api", env={"MODE": "slow"}), configurationId=configuration)
    assert (await workload(world, "api")).env == {"MODE": "slow", "THEME": "dark"}


async def test_a_standing_scaling_policy_goes_with_the_workload_at_what_its_target_honours(world: World) -> None:
    await world.scale("api", target="aks", minReplicas=0, maxReplicas=4, scaleToZero=True)
    await released(world, component("api", target="aks"))
    scaling = (await workload(world, "api")).scaling
    assert scaling is not None
    assert (scaling.min_replicas, scaling.max_replicas, scaling.scale_to_zero) == (1, 4, False)


async def test_two_releases_of_the_same_image_are_two_revisions_and_one_release_is_one(world: World) -> None:
    await released(world, component("api", "1"))
    first = await workload(world, "api")
    await released(world, component("api", "1"))
    assert (await workload(world, "api")).revision != first.revision
    assert first.model_copy(update={"replicas": 9}).revision == first.revision


async def test_the_content_hash_changes_with_what_runs_and_not_with_the_order_of_components(world: World) -> None:
    def planned(service_id: str, tag: str) -> Planned:
        wanted = {"service_id": service_id, "image": image(service_id, tag), "replicas": 1, "release": "dep-1"}
        placed = {"target": "aks", "workload": wanted}
        return Planned.model_validate({"service_id": service_id, "wave": 0, "wanted": placed, "before": None})

    one, two = planned("api", "1"), planned("web", "1")
    assert plan.content_hash([one, two]) == plan.content_hash([two, one])
    assert plan.content_hash([one, two]) != plan.content_hash([one, planned("web", "2")])
    assert plan.content_hash([one]) != plan.content_hash([one, two])


async def test_two_hundred_components_are_planned_and_promoted_in_chunks(world: World) -> None:
    components = [component(f"svc-{number:03d}", wave=number % 2) for number in range(200)]
    deployment_id = await released(world, *components, gate={"stableSeconds": 1})
    assert (await world.deployment(deployment_id)).status == "Completed"
    await world.hear_of_it()
    assert len(await world.inventory()) == 200


async def test_what_runs_is_the_digest_that_the_tag_meant_when_the_release_was_prepared(world: World) -> None:
    await released(world, component("api", "1"), component("web", "1"))
    stands = await workload(world, "api")
    assert stands.digest is not None
    assert (stands.image, stands.reference) == (image("api", "1"), f"acr.azurecr.io/api@{stands.digest}")
    assert sorted(world.registry.asked) == [image("api", "1"), image("web", "1")]


async def test_a_tag_that_moved_is_another_revision_and_a_rollback_brings_the_old_digest_back(world: World) -> None:
    await released(world, component("api", "1"))
    before = await workload(world, "api")
    world.registry.moved[image("api", "1")] = "rebuilt"
    second = await released(world, component("api", "1"))
    moved = await workload(world, "api")
    assert (moved.image, moved.digest != before.digest) == (before.image, True)
    await rolled_back(world, second)
    assert (await workload(world, "api")).digest == before.digest


def test_workloads_from_before_digests_keep_their_revision() -> None:
    old = Workload(service_id="api", image=image("api", "1"), replicas=1, release="dep-1")
    assert (old.reference, old.revision) == (old.image, "rf77f08f7fe")
    assert old.model_copy(update={"digest": f"sha256:{'a' * 64}"}).revision != old.revision
