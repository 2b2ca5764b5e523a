"""Every page's links lead somewhere, and its drawings are whole."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import ROOT, Page, page, pages

OPENS = re.compile(r"^\s*(?:subgraph|loop|alt|opt|par)\b", re.MULTILINE)
CLOSES = re.compile(r"^\s*end\s*$", re.MULTILINE)


def broken(where: Page) -> list[str]:
    return [link for link in where.links if not leads_somewhere(where, link)]


def leads_somewhere(where: Page, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme == "https"
    target = (where.path.parent / parts.path).resolve() if parts.path else where.path
    if not target.exists():
        return False
    return not parts.fragment or parts.fragment in page(target.relative_to(ROOT).as_posix()).anchors


def test_there_are_pages() -> None:
    assert {"README.md", "CHANGELOG.md", "docs/adr/README.md", "docs/architecture/README.md"} <= {
        one.name for one in pages()
    }


@pytest.mark.parametrize("where", pages(), ids=lambda one: one.name)
def test_every_link_leads_somewhere(where: Page) -> None:
    assert broken(where) == []


def test_a_broken_link_would_be_found() -> None:
    assert not leads_somewhere(page("README.md"), "docs/nothing.md")
    assert not leads_somewhere(page("README.md"), "#no-such-heading")


@pytest.mark.parametrize("where", pages(), ids=lambda one: one.name)
def test_every_drawing_closes_what_it_opens(where: Page) -> None:
    for drawing in where.blocks("mermaid"):
        assert re.match(r"(?:flowchart \w+|sequenceDiagram)\n", drawing)
        assert len(OPENS.findall(drawing)) == len(CLOSES.findall(drawing))


@pytest.mark.parametrize("drawing", page("docs/architecture/README.md").blocks("mermaid"))
def test_every_message_of_a_sequence_is_between_its_participants(drawing: str) -> None:
    declared = set(re.findall(r"^\s*participant (\w+)", drawing, re.MULTILINE))
    messages = re.findall(r"^\s*(\w+)--?>>(\w+):", drawing, re.MULTILINE)
    assert messages
    assert {name for message in messages for name in message} == declared
    assert ";" not in drawing  # it would end the statement
