"""Whose a field is, from the API server's own book."""

from __future__ import annotations

import pytest

from shared.targets.aks_holding import holders
from shared.targets.port import Field, Holder

IMAGE = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"api"}': {"f:image": {}, "f:name": {}}}}}}}
SETTINGS = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"api"}': {"f:env": {".": {}}}}}}}}
REPLICAS = {"f:spec": {"f:replicas": {}}}
DATA = {"f:data": {"LEVEL": {}}}


def book(*rows: tuple[str, dict] | tuple[str, dict, str]) -> dict:
    fields = [
        {"manager": row[0], "operation": "Update", "fieldsV1": row[1], **({"subresource": row[2]} if len(row) > 2 else {})}
        for row in rows
    ]
    return {"metadata": {"managedFields": fields}}


@pytest.mark.parametrize(
    ("rows", "held"),
    [
        ([("runtime-cloud", IMAGE)], {Field.IMAGE: Holder.PLATFORM}),
        (
            [("runtime-cloud", SETTINGS), ("kubectl-edit", IMAGE)],
            {Field.IMAGE: Holder.SOMEBODY, Field.SETTINGS: "platform"},
        ),
        ([("runtime-cloud", IMAGE), ("argocd", IMAGE)], {Field.IMAGE: Holder.PLATFORM}),
        ([("runtime-cloud-replicas", REPLICAS)], {Field.REPLICAS: Holder.PLATFORM}),
        ([("kube-controller-manager", REPLICAS, "scale")], {Field.REPLICAS: Holder.AUTOSCALER}),
        ([("kubectl", REPLICAS, "scale")], {Field.REPLICAS: Holder.SOMEBODY}),
        ([("kube-controller-manager", {"f:status": {}}, "status")], {}),
        ([], {}),
    ],
    ids=str,
)
def test_a_field_is_held_by_who_wrote_it_last(rows, held) -> None:
    assert holders(book(*rows), []) == held


def test_settings_are_held_by_whoever_wrote_into_one_of_their_config_maps() -> None:
    ours, edited = book(("runtime-cloud", DATA)), book(("runtime-cloud", DATA), ("kubectl-edit", DATA))
    assert holders(book(("runtime-cloud", SETTINGS)), [ours]) == {Field.SETTINGS: Holder.PLATFORM}
    assert holders(book(("runtime-cloud", SETTINGS)), [ours, edited]) == {Field.SETTINGS: Holder.SOMEBODY}


def test_a_book_that_was_cleared_tells_nothing() -> None:
    assert holders({"metadata": {}}, []) == {}
