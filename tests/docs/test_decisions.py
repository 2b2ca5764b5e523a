"""Decisions are numbered, listed and whole; what they say of dependencies and rows is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.kernel.clock import now
from shared.kernel.ids import environment_id
from shared.store import keys
from tests.docs.pages import ROOT, first_column, page, quoted

FOLDER = ROOT / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))


def required(name: str) -> set[str]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    return {re.split(r"[<>=;]", line)[0].strip() for line in lines if line}


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))
    assert len(RECORDS) >= 10


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_decision_has_its_number_and_three_parts(path: Path) -> None:
    record = page(path.relative_to(ROOT).as_posix())
    title, *parts = record.headings
    assert title.startswith(f"{path.name[:4]} ")
    assert parts == ["Context", "Decision", "Consequences"]


def test_the_list_names_every_decision_by_its_title() -> None:
    listed = dict(
        re.findall(r"^\| \[(\d{4})\]\(\1-[\w-]+\.md\) \| (.+) \|$", page("docs/adr/README.md").text, re.MULTILINE)
    )
    titles = {path.name[:4]: page(path.relative_to(ROOT).as_posix()).headings[0][5:] for path in RECORDS}
    assert listed == titles


def test_the_apps_dependencies_are_those_of_its_requirements() -> None:
    named = {name for cell in first_column(page("docs/adr/0001-what-the-app-depends-on.md").text) for name in quoted(cell)}
    assert named == required("requirements.in")


def test_every_local_dependency_has_its_reason() -> None:
    named = set(quoted(page("docs/adr/0002-what-the-local-azure-depends-on.md").text))
    assert required("localazure/requirements.in") <= named


def test_the_row_keys_of_the_page_are_those_of_the_code() -> None:
    named = quoted(page("docs/architecture/README.md").section("Row keys"))
    environment, at = environment_id("0" * 16), now()
    made = {
        *(keys.ENVIRONMENT, keys.BINDING, keys.SLOT, keys.SEQUENCE, keys.HEALTH, keys.SCAN),
        *(keys.service("x"), keys.service_environment("x", environment), keys.name("x"), keys.idempotency("x")),
        *(keys.listed("x", at, "y"), keys.log(at, "x"), keys.outbox(1), f"{keys.plan('x')}000-y", keys.snapshot("x")),
        *(keys.all_shard(1), keys.active_shard(1), keys.tenant_partition("t"), keys.partition_of("t", environment)),
    }
    shapes = [re.compile(shape(name)) for name in named]
    assert [key for key in made if not any(one.match(key) for one in shapes)] == []


def shape(name: str) -> str:
    """A pattern of the keys that `svc-<service>` stands for."""
    literal = re.split(r"<[^>]+>", name.replace("\\|", "|"))
    return ".+".join(re.escape(part) for part in literal) if len(literal) > 1 else f"{re.escape(name)}$"
