"""What one release runs against what another does: the pure part."""

from __future__ import annotations

import json
from typing import Any

from shared.runtime.catalog.model import Placed
from shared.runtime.deployments.comparison import LONGEST, compared
from shared.targets.port import HealthProbe, Scaling, SecretReference, Workload

SECRET = SecretReference(vault_uri="https://kv-1.vault.azure.net/", secret_name="db-password", version="v1")
NOTHING: dict[str, list[Any]] = {"components": [], "configuration": [], "settings": []}


def placed(target: str = "aks", configuration_id: str | None = None, **workload: Any) -> Placed:
    fields = {"service_id": "api", "image": "acr.azurecr.io/api:1", "replicas": 2, "release": "dep-1"} | workload
    return Placed(target=target, workload=Workload(**fields), configuration_id=configuration_id)


def api(before: Placed, after: Placed) -> dict[str, list[dict[str, Any]]]:
    return compared({"api": before}, {"api": after})


def test_the_same_is_no_difference() -> None:
    assert api(placed(env={"A": "1"}), placed(env={"A": "1"})) == NOTHING
    assert compared({}, {}) == NOTHING


def test_of_a_component_only_what_differs_is_shown() -> None:
    assert api(placed(), placed(image="acr.azurecr.io/api:2"))["components"] == [
        {"serviceId": "api", "from": {"image": "acr.azurecr.io/api:1"}, "to": {"image": "acr.azurecr.io/api:2"}}
    ]
    changed = placed("container-apps", replicas=5, health=HealthProbe(path="/ready"))
    assert api(placed(), changed)["components"] == [
        {
            "serviceId": "api",
            "from": {"target": "aks", "replicas": 2, "health": {"path": "/health", "port": 8080, "format": "json"}},
            "to": {"target": "container-apps", "replicas": 5, "health": {"path": "/ready", "port": 8080, "format": "json"}},
        }
    ]


def test_a_service_on_one_side_is_shown_whole_without_the_other_side() -> None:
    one = placed(configuration_id="cfg-1", env={"A": "1"})
    component = {
        "image": "acr.azurecr.io/api:1",
        "target": "aks",
        "replicas": 2,
        "health": {"path": "/health", "port": 8080, "format": "json"},
    }
    assert compared({}, {"api": one}) == {
        "components": [{"serviceId": "api", "to": component}],
        "configuration": [{"serviceId": "api", "to": "cfg-1"}],
        "settings": [{"serviceId": "api", "key": "A", "to": "1"}],
    }
    assert compared({"api": one}, {}) == {
        "components": [{"serviceId": "api", "from": component}],
        "configuration": [{"serviceId": "api", "from": "cfg-1"}],
        "settings": [{"serviceId": "api", "key": "A", "from": "1"}],
    }


def test_a_configuration_that_comes_goes_or_changes_is_told_by_its_id() -> None:
    none, one, two = placed(), placed(configuration_id="cfg-1"), placed(configuration_id="cfg-2")
    assert api(none, one)["configuration"] == [{"serviceId": "api", "to": "cfg-1"}]
    assert api(one, none)["configuration"] == [{"serviceId": "api", "from": "cfg-1"}]
    assert api(one, two)["configuration"] == [{"serviceId": "api", "from": "cfg-1", "to": "cfg-2"}]


def test_variables_are_told_one_by_one_in_order() -> None:
    found = api(placed(env={"GONE": "1", "SAME": "x", "B": "old"}), placed(env={"SAME": "x", "B": "new", "A": ""}))
    assert found["settings"] == [
        {"serviceId": "api", "key": "A", "to": ""},
        {"serviceId": "api", "key": "B", "from": "old", "to": "new"},
        {"serviceId": "api", "key": "GONE", "from": "1"},
    ]


def test_a_secret_is_told_by_its_reference() -> None:
    newer = SECRET.model_copy(update={"version": "v2"})
    assert api(placed(env={"DB": SECRET}), placed(env={"DB": newer}))["settings"] == [
        {
            "serviceId": "api",
            "key": "DB",
            "from": "keyvault:https://kv-1.vault.azure.net/secrets/db-password/v1",
            "to": "keyvault:https://kv-1.vault.azure.net/secrets/db-password/v2",
        }
    ]


def test_a_text_that_spells_a_reference_is_not_the_reference() -> None:
    spelt = "keyvault:https://kv-1.vault.azure.net/secrets/db-password/v1"
    assert len(api(placed(env={"DB": SECRET}), placed(env={"DB": spelt}))["settings"]) == 1


def test_what_the_platform_decides_by_itself_is_no_difference() -> None:
    scaling = Scaling(metric="cpu", min_replicas=1, max_replicas=9, target_utilization_percent=70)
    assert api(placed(), placed(release="dep-2", scaling=scaling)) == NOTHING


def test_long_values_are_cut_and_two_that_differ_look_different() -> None:
    before, after = "x" * 16_000 + "a", "x" * 16_000 + "b"
    [entry] = api(placed(env={"LONG": before}), placed(env={"LONG": after}))["settings"]
    assert entry["from"] != entry["to"]
    assert max(len(entry["from"]), len(entry["to"])) < LONGEST + 64
    assert "(16001 characters" in entry["to"]
    longest = "y" * LONGEST
    assert api(placed(), placed(env={"LONG": longest}))["settings"][0]["to"] == longest


def test_services_come_in_order_and_the_whole_is_json() -> None:
    services = {name: placed(service_id=name) for name in ("web", "api", "db")}
    found = compared({}, services)
    assert [entry["serviceId"] for entry in found["components"]] == ["api", "db", "web"]
    assert json.loads(json.dumps(found)) == found


def test_the_way_back_is_the_way_there_with_its_sides_exchanged() -> None:
    before = {"api": placed(env={"A": "1", "B": "2"}), "db": placed(service_id="db")}
    after = {"api": placed("container-apps", "cfg-1", env={"B": "3"}), "web": placed(service_id="web")}
    there, back = compared(before, after), compared(after, before)
    assert {name: [_exchanged(entry) for entry in entries] for name, entries in there.items()} == back


def _exchanged(entry: dict[str, Any]) -> dict[str, Any]:
    names = {"from": "to", "to": "from"}
    return {names.get(name, name): value for name, value in entry.items()}
