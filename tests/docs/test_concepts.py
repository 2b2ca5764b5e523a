"""A concept is one page with one picture, which speaks in the words of the code."""

from __future__ import annotations

import re

import pytest

from shared.kernel.errors import PolicyDenied
from shared.runtime.drift.model import FindingStatus
from shared.runtime.rollout.gate import Verdict
from tests.docs.pages import ROOT, Page, page, pages

INDEX = page("docs/concepts/README.md")
CONCEPTS = [one for one in pages() if one.path.parent == INDEX.path.parent and one != INDEX]


def drawing(name: str) -> set[str]:
    return set(re.findall(r"\w+", page(f"docs/concepts/{name}.md").blocks("mermaid")[0]))


@pytest.mark.parametrize("where", CONCEPTS, ids=lambda one: one.path.stem)
def test_a_concept_has_one_picture_and_says_where_it_is_seen_and_written(where: Page) -> None:
    assert len(where.blocks("mermaid")) == 1
    assert "Seen in: " in where.text
    assert "In the\ncode: " in where.text or "In the code: " in where.text


def test_the_list_names_every_concept() -> None:
    assert set(INDEX.links) == {one.path.name for one in CONCEPTS}
    assert {one.path.stem for one in CONCEPTS} == {"settling", "evidence", "snapshots", "ledger", "receipts"}


def test_the_ledger_draws_every_status_of_a_finding() -> None:
    assert set(FindingStatus) <= drawing("ledger")


def test_the_gate_draws_every_verdict() -> None:
    assert set(Verdict) <= drawing("evidence")


def test_a_denial_is_drawn_by_its_code() -> None:
    assert PolicyDenied.__name__ in drawing("receipts")
    assert (ROOT / "localazure/policy/rego").is_dir()
