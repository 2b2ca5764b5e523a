"""The operators' guide is read in the page, too: it lists every page of the guide, and no link leads out of it."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, Page, page, pages

GUIDE = [one for one in pages() if one.path.parent == ROOT / "docs" / "operator"]
LISTED = dict(re.findall(r'^  \["([\w-]+)", "(.+)"\],$', (ROOT / "ui/js/screens/docs.js").read_text(), re.MULTILINE))


def test_the_page_lists_every_page_of_the_guide_and_no_other() -> None:
    assert LISTED.keys() == {one.path.stem for one in GUIDE}


@pytest.mark.parametrize("where", GUIDE, ids=lambda one: one.path.stem)
def test_a_page_of_the_guide_is_titled_as_it_is_listed(where: Page) -> None:
    assert where.headings[0].startswith(LISTED[where.path.stem])


@pytest.mark.parametrize("where", GUIDE, ids=lambda one: one.path.stem)
def test_no_link_leads_out_of_the_guide(where: Page) -> None:
    assert [link for link in where.links if not re.fullmatch(r"https:.+|(?:[\w-]+\.md)?(?:#[\w-]+)?", link)] == []


@pytest.mark.parametrize("where", GUIDE, ids=lambda one: one.path.stem)
def test_the_guide_draws_nothing_that_the_page_cannot_show(where: Page) -> None:
    assert where.blocks("mermaid") == []
    assert "![" not in where.prose


def test_holds_drift_rotation_scaling_and_isolation_are_in_the_guide() -> None:
    told = {one.path.stem for one in GUIDE}
    assert {"holds", "drift", "rotation", "scaling", "isolation", "errors"} <= told
    assert page("docs/operator/errors.md") in GUIDE
