"""The changelog can be read by a program: versions, newest first, in the sections of Keep a Changelog."""

from __future__ import annotations

import re
import tomllib

from tests.docs.pages import ROOT, page

CHANGELOG = page("CHANGELOG.md")
VERSION = re.compile(r"\[(?P<version>Unreleased|\d+\.\d+\.\d+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}|Unreleased))?")
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Not in this version"}


def headings(level: int) -> list[str]:
    return re.findall(rf"^{'#' * level} (.+)$", CHANGELOG.text, re.MULTILINE)


def versions() -> list[str]:
    found = [VERSION.fullmatch(heading) for heading in headings(2)]
    assert all(found), headings(2)
    return [match["version"] for match in found if match]


def test_unreleased_comes_first_and_then_the_newest_version() -> None:
    first, *released = versions()
    numbers = [tuple(map(int, version.split("."))) for version in released]
    assert first == "Unreleased"
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == len(numbers)


def test_the_newest_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert versions()[1] == project["version"]


def test_sections_are_the_usual_ones_and_none_is_empty() -> None:
    assert set(headings(3)) <= SECTIONS
    for text in re.split(r"^### .+$", CHANGELOG.text, flags=re.MULTILINE)[1:]:
        assert re.search(r"^- \S", text, re.MULTILINE)


def test_nothing_is_told_twice() -> None:
    told = re.findall(r"^- (?:\*\*(.+?)\*\*|(.+)$)", CHANGELOG.text, re.MULTILINE)
    begins = [lead or line for lead, line in told]
    assert len(begins) > 20
    assert [one for one in begins if begins.count(one) > 1] == []


def test_entries_of_a_section_follow_each_other_without_a_gap() -> None:
    first = re.compile(r"^(#+ .+)\n\n- ", re.MULTILINE)  # what a heading leads is no gap
    assert re.findall(r"\n\n- .+", first.sub(r"\1\n- ", CHANGELOG.text)) == []
