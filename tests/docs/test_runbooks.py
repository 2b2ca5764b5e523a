"""Every alert has its page, every page its alert, and the index says of them what the alerts say of themselves."""

from __future__ import annotations

import ast
import re

import pytest

from shared.kernel.metrics import INSTRUMENTS
from tests.docs.pages import ROOT, Page, page, pages, quoted

INDEX = page("docs/runbooks/README.md")
RUNBOOKS = [one for one in pages() if one.path.parent == INDEX.path.parent and one != INDEX]
ROW = re.compile(r"^\| `(\w+)` \| (\d) \| (.+) \| \[([\w-]+)\]\(\4\.md\) \|$", re.MULTILINE)
Told = tuple[str, int, str, str]  # alert, severity, what it tells, its page


def alerts() -> set[Told]:
    """Read off the program's text: its packages need not be here."""
    tree = ast.parse((ROOT / "infra" / "platform" / "alerts.py").read_text(encoding="utf-8"))
    found: set[Told] = set()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        named = {one.arg: one.value for one in call.keywords}
        if ast.unparse(call.func) == "Searched":
            step, where, tells = (ast.literal_eval(one) for one in call.args[:3])
            found.add((step, ast.literal_eval(named["severity"]), tells, where))
        elif ast.unparse(call.func) == "monitor.MetricAlert":
            described = named["description"]
            assert isinstance(described, ast.Call)
            tells = ast.literal_eval(described.args[0])
            found.add(("DeadLetters", ast.literal_eval(named["severity"]), tells, "dead-letters"))
    return found


def test_the_index_says_what_the_alerts_say() -> None:
    told = {(step, int(severity), tells, where) for step, severity, tells, where in ROW.findall(INDEX.text)}
    assert len(told) > 5
    assert told == alerts()


def test_the_index_is_sorted_by_how_much_it_matters_and_has_every_page() -> None:
    rows = ROW.findall(INDEX.text)
    severities = [severity for _, severity, _, _ in rows]
    assert severities == sorted(severities)
    assert sorted(where for *_, where in rows) == sorted(one.path.stem for one in RUNBOOKS)


@pytest.mark.parametrize("where", RUNBOOKS, ids=lambda one: one.path.stem)
def test_a_runbook_says_what_it_is_and_then_what_to_do_step_by_step(where: Page) -> None:
    assert where.headings[1:] == ["What it is", "What to do"]
    steps = re.findall(r"^(\d)\. \S", where.section("What to do"), re.MULTILINE)
    assert len(steps) >= 3
    assert [int(number) for number in steps] == list(range(1, len(steps) + 1))


def test_every_metric_is_told_with_its_unit() -> None:
    told = re.findall(r"^\| `(runtime\.\S+)` \| (\S+) \| (.+) \|$", INDEX.section("What is measured"), re.MULTILINE)
    assert told == [(name, one.unit.strip("{}"), one.description) for name, one in INSTRUMENTS.items()]


def test_what_is_counted_is_told_by_its_name() -> None:
    told = set(quoted(INDEX.section("What is measured").split("\nCounted", 1)[1]))
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "shared").rglob("*.py")))
    assert set(re.findall(r"(?:metrics\.|[^.\w])count\(\"([\w.-]+)\"", sources)) <= told
    assert [name for name in told if f'"{name}"' not in sources] == []
