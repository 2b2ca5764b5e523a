from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kernel.errors import Superseded
from shared.targets import naming
from shared.targets.port import Stamp

IDS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True)


@pytest.mark.parametrize("name", ["orders", "a", "module-reservations-api", "x" * 32])
def test_a_name_that_fits_is_kept(name: str) -> None:
    assert naming.fitted(name, 32) == name


@given(IDS, st.sampled_from([32, 63]))
@settings(max_examples=300)
def test_every_service_id_gives_a_name_that_the_targets_accept(service_id: str, longest: int) -> None:
    name = naming.fitted(service_id, longest)
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name)
    assert "--" not in name
    assert len(name) <= longest


@given(st.lists(IDS, min_size=2, max_size=8, unique=True))
@settings(max_examples=200)
def test_different_ids_give_different_names(ids: list[str]) -> None:
    assert len({naming.fitted(one, 32) for one in ids}) == len(ids)


@given(IDS)
def test_a_label_is_the_id_wherever_it_can_be(service_id: str) -> None:
    label = naming.label(service_id)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label)
    assert label == service_id or len(service_id) == 64 or service_id.endswith("-")


@pytest.mark.parametrize(("standing", "stale"), [(None, False), ("", False), ("2.1", False), ("2.2", True), ("3.0", True)])
def test_an_older_change_stops_at_the_fence(standing: str | None, stale: bool) -> None:
    stamp = Stamp(operation_id="op", generation=2, attempt=1)
    if stale:
        with pytest.raises(Superseded):
            naming.fence(stamp, standing)
    else:
        naming.fence(stamp, standing)
