"""The architecture's pages: one shape for all, every package on one of them, every path there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, Page, page, pages, quoted

INDEX = page("docs/architecture/README.md")
SUBSYSTEMS = [one for one in pages() if one.path.parent == INDEX.path.parent and one != INDEX]
TOP = "shared|blueprints|runtime_grpc|infra|localazure|clients|ui|tests|docs|tools|benchmarks"
PATH = re.compile(rf"(?:{TOP})(?:/[\w.-]+)+/?")
PARTS = ["Where it runs", "Entry points", "Picture", "To change it safely"]


@pytest.mark.parametrize("where", SUBSYSTEMS, ids=lambda one: one.path.stem)
def test_a_subsystem_is_told_in_four_parts(where: Page) -> None:
    assert where.headings[1:] == PARTS
    assert len(where.blocks("mermaid")) == 1
    assert re.search(r"^- \S", where.section(PARTS[-1]), re.MULTILINE)


@pytest.mark.parametrize("where", pages(), ids=lambda one: one.name)
def test_every_path_that_a_page_names_is_there(where: Page) -> None:
    named = [piece for piece in quoted(where.prose) if PATH.fullmatch(piece)]
    assert [path for path in named if not (ROOT / path).exists()] == []


def packages() -> set[str]:
    found = [path for root in ("shared", "shared/runtime") for path in (ROOT / root).glob("*/__init__.py")]
    tops = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"shared", "tests", "benchmarks", "tools"}
    return {path.parent.relative_to(ROOT).as_posix() for path in found} - {"shared/runtime"} | tops


def test_the_list_of_subsystems_has_every_page_and_every_package() -> None:
    section = INDEX.section("Subsystems")
    assert {one.path.name for one in SUBSYSTEMS} <= set(re.findall(r"\]\(([\w-]+\.md)\)", section))
    assert {name for name in quoted(section) if (ROOT / name).is_dir()} >= packages()
