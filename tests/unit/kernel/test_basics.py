"""Ids, instants, documents and their hashes, records."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.kernel import clock, ids
from shared.kernel.canonical import canonical, sha256
from shared.kernel.errors import TransitionRefused
from shared.kernel.record import Record
from shared.operations.model import TRANSITIONS, OperationStatus, Transition
from tests.unit.operations.world import NOON

OWN = "0123456789abcdef"


def test_an_id_leads_to_its_environment() -> None:
    environment = ids.environment_id(OWN)
    for kind in ids.Kind:
        ident = ids.inside(kind, environment, "f" * 16)
        assert re.fullmatch(rf"{kind}-[0-9a-f]{{32}}", ident)
        assert ids.environment_of(ident) == environment
    assert ids.environment_of(environment) == environment


@pytest.mark.parametrize(
    "ident",
    ["", "env-", f"env-{OWN}0", f"env-{OWN.upper()}", f"env-{OWN}\n", f"dep-{OWN}{OWN}0", f"{OWN}", f"../env-{OWN}", "x"],
)
def test_what_is_no_id_leads_nowhere(ident: str) -> None:
    assert ids.environment_of(ident) == "env-"
    assert not ids.is_environment_id(ident)


def test_only_an_environments_own_id_is_an_environment_id() -> None:
    assert ids.is_environment_id(f"env-{OWN}")
    assert not ids.is_environment_id(f"dep-{OWN}{OWN}")
    assert not ids.is_environment_id(f"op-{OWN}")


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_derived_digits_tell_apart_what_differs(one: list[str], other: list[str]) -> None:
    same = ids.derived(b"key", *one) == ids.derived(b"key", *other)
    assert same == (one == other)


def test_derived_digits_know_where_a_part_ends() -> None:
    spelled = [("a", "bc"), ("ab", "c"), ("abc",), ("abc", ""), ("", "abc"), ("a", "b", "c")]
    assert len({ids.derived(b"key", *parts) for parts in spelled}) == len(spelled)


def test_derived_digits_need_the_key() -> None:
    assert ids.derived(b"key", "a") == ids.derived(b"key", "a")
    assert ids.derived(b"key", "a") != ids.derived(b"other", "a")
    assert re.fullmatch(r"[0-9a-f]{16}", ids.derived(b"key", "a"))


def test_drawn_digits_fit_an_id_and_do_not_repeat() -> None:
    drawn = {clock.draw() for _ in range(100)}
    assert len(drawn) == 100
    assert all(re.fullmatch(r"[0-9a-f]{16}", one) for one in drawn)


@given(st.integers(0, 10**13), st.integers(1, 10**9))
def test_later_instants_sort_first(since: int, milliseconds: int) -> None:
    at = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(milliseconds=since)
    earlier = clock.newest_first(at)
    later = clock.newest_first(at + timedelta(milliseconds=milliseconds))
    assert later < earlier
    assert len(later) == len(earlier) == 14


def test_instants_are_written_in_utc() -> None:
    assert clock.text(NOON) == "2026-06-11T12:00:00Z"
    assert clock.text(NOON.astimezone(timezone(timedelta(hours=2)))) == "2026-06-11T12:00:00Z"
    assert clock.now().tzinfo is UTC


def test_one_document_has_one_hash_whatever_its_order() -> None:
    assert sha256({"a": 1, "b": ["ä", {"d": None, "c": 2.5}]}) == sha256({"b": ["ä", {"c": 2.5, "d": None}], "a": 1})
    assert sha256({"a": [1, 2]}) != sha256({"a": [2, 1]})
    assert canonical({"b": 1, "a": "ä"}) == '{"a":"ä","b":1}'.encode()


class Example(Record):
    some_name: str
    maybe: int | None = None


def test_a_record_is_camel_case_outside_and_refuses_what_it_does_not_know() -> None:
    assert Example(some_name="x").document() == {"someName": "x"}
    assert Example.read({"someName": "x"}) == Example(some_name="x")
    for wrong in ({"some_name": "x"}, {"someName": "x", "more": 1}, {}):
        with pytest.raises(ValidationError):
            Example.read(wrong)
    with pytest.raises(ValidationError):
        Example(some_name="x").some_name = "y"  # type: ignore[misc]


def test_a_refused_transition_names_where_from_and_where_to() -> None:
    with pytest.raises(TransitionRefused) as refused:
        TRANSITIONS.require(Transition.CLAIM, OperationStatus.SUCCEEDED, OperationStatus.RUNNING)
    assert (refused.value.transition, refused.value.current, refused.value.target) == ("claim", "Succeeded", "Running")
