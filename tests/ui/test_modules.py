"""The page's own modules and what was taken from others, without a browser: hashes, layers, words, units, types."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from enum import StrEnum
from pathlib import Path

import pytest

from localazure.supervisor.node import find_node
from shared.http import problem_table
from shared.operations.model import OperationStatus, StepStatus
from shared.runtime.deployments.model import DeploymentStatus, Phase
from shared.runtime.drift.model import FindingKind, FindingStatus, ScanStatus, Severity
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.health.document import HealthStatus
from shared.runtime.rollout.gate import Verdict
from shared.runtime.scaling.model import Enforcement
from shared.runtime.secrets.model import BindingStatus
from tools import page_types

ROOT = Path(__file__).resolve().parents[2]
JS = ROOT / "ui" / "js"
VENDOR = ROOT / "ui" / "vendor"
LIMIT = 350  # lines of a module, as for Python
ZIPPED_LIMIT = 300_000  # bytes of the page, raw
IMPORT = re.compile(r'^import .*?from "([^"]+)";', re.MULTILINE | re.DOTALL)
SHOWN: list[type[StrEnum]] = [
    EnvironmentStatus,
    DeploymentStatus,
    Phase,
    Verdict,
    HealthStatus,
    FindingStatus,
    ScanStatus,
    Severity,
    OperationStatus,
    StepStatus,
    Enforcement,
    BindingStatus,
]


def modules() -> list[Path]:
    return sorted(JS.rglob("*.js"))


def imported(module: Path) -> list[str]:
    """What a module imports, as paths from `ui/`."""
    found = IMPORT.findall(module.read_text(encoding="utf-8"))
    return [(module.parent / name).resolve().relative_to(ROOT / "ui").as_posix() for name in found]


def test_what_was_taken_from_others_is_what_was_recorded() -> None:
    entries = json.loads((VENDOR / "VENDOR.json").read_text(encoding="utf-8"))
    recorded = {entry["file"]: entry["sha256"] for entry in entries}
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.js")}
    assert there == recorded
    for entry in entries:
        assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
        assert entry["integrity"].startswith("sha512-")
        assert entry["licence"] in ("MIT", "Apache-2.0")
        assert len((VENDOR / entry["licenceFile"]).read_text(encoding="utf-8")) > 500


def test_what_was_taken_needs_nothing_else() -> None:
    statement = re.compile(r"""(?:^|[;}])import\b[^;\n]*?["']([^"']+)["']""", re.MULTILINE)
    needs = {path.name: statement.findall(path.read_text(encoding="utf-8")) for path in VENDOR.glob("*.js")}
    assert {name: needed for name, needed in needs.items() if needed} == {"hooks.js": ["./preact.js"]}


def test_only_one_module_fetches_and_only_one_sees_a_token() -> None:
    text = {module.relative_to(JS).as_posix(): module.read_text(encoding="utf-8") for module in modules()}
    assert {name for name, code in text.items() if re.search(r"(?<![.\w])fetch\(", code)} == {"api.js"}
    assert {name for name, code in text.items() if "Bearer ${tokens" in code or "oauth4webapi" in code} == {"session.js"}
    assert {name for name, code in text.items() if "sessionStorage" in code and "//" not in code} == set()
    assert {name for name, code in text.items() if "localStorage." in code} == {"preferences.js"}


def test_no_module_turns_text_into_markup_or_code() -> None:
    sinks = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser|srcdoc|dangerously"
    )
    assert [module.name for module in modules() if sinks.search(module.read_text(encoding="utf-8"))] == []


def test_arrows_point_down_in_the_page_too() -> None:
    """Screens know parts, parts know words and times, and what is pure knows nobody."""
    parts_may = {"js/status.js", "js/time.js", "js/markdown.js"}
    for module in modules():
        name, needs = module.relative_to(ROOT / "ui").as_posix(), imported(module)
        own = [need for need in needs if need.startswith("js/")]
        if name.startswith("js/parts/"):
            assert [need for need in own if not need.startswith("js/parts/") and need not in parts_may] == [], name
        elif not name.startswith("js/screens/") and name != "js/main.js":
            assert [need for need in own if need.startswith(("js/screens/", "js/main"))] == [], name


def test_modules_are_small_and_say_what_they_are_about() -> None:
    for module in modules():
        lines = module.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= LIMIT, module.name
        assert lines[0].startswith("// "), module.name


def test_the_page_is_small() -> None:
    files = [path for path in (ROOT / "ui").rglob("*") if path.is_file() and not path.name.endswith(".d.ts")]
    assert sum(path.stat().st_size for path in files) <= ZIPPED_LIMIT


@pytest.mark.parametrize("words", SHOWN, ids=lambda words: words.__name__)
def test_every_word_of_the_platform_has_its_look(words: type[StrEnum]) -> None:
    text = (JS / "status.js").read_text(encoding="utf-8")
    known = set(re.findall(r'"(\w+)"', text.split("const WORDS = {", 1)[1].split("};", 1)[0]))
    assert {str(word) for word in words} - known == set()


def test_every_kind_of_a_finding_can_be_looked_for() -> None:
    text = (JS / "screens" / "drift.js").read_text(encoding="utf-8")
    assert set(re.findall(r'"(\w+)"', text.split("const KINDS = [", 1)[1].split("];", 1)[0])) == set(FindingKind)


def test_every_code_of_an_error_has_its_section_in_the_guide() -> None:
    guide = (ROOT / "docs" / "operator" / "errors.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^## (\w+)$", guide, re.MULTILINE))
    rows = [*problem_table.TABLE.values(), problem_table.APPROVAL_REQUIRED, problem_table.UNKNOWN]
    assert {row.code for row in rows} == told
    for section in re.split(r"^## ", guide, flags=re.MULTILINE)[1:]:
        assert "**What it means**" in section, section[:30]
        assert "**What to do**" in section, section[:30]


def test_the_units_of_the_page() -> None:
    units = sorted(str(path) for path in (Path(__file__).parent / "unit").glob("*.test.js"))
    assert units
    ran = subprocess.run([find_node(), "--test", *units], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"^# fail 0$", ran.stdout, re.MULTILINE), ran.stdout[-500:]
    assert int(re.findall(r"^# pass (\d+)$", ran.stdout, re.MULTILINE)[0]) > 30


def checked(root: Path) -> tuple[int, str]:
    """TypeScript's checker reads the modules of `root`/ui as they are; nothing is compiled."""
    command = [find_node(), str(ROOT / "node_modules" / "typescript" / "bin" / "tsc"), "-p", "ui"]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    return ran.returncode, ran.stdout[-4000:] + ran.stderr[-500:]


def test_the_types_of_the_page() -> None:
    code, said = checked(ROOT)
    assert code == 0, said


def test_the_types_are_those_of_the_apis_description() -> None:
    assert page_types.PATH.read_text(encoding="utf-8") == page_types.rendered(), "make schemas"


CHANGED = {
    "a route that goes": ('"/deployments/{deploymentId}/promote"', '"/deployments/{deploymentId}/go-on"', "/promote"),
    "a parameter that goes": ("attention?: boolean;", "urgent?: boolean;", "'attention' does not exist"),
    "a member of a request that goes": ("retainData?: boolean;", "keepData?: boolean;", '"retainData"'),
    "a member of an answer that goes": ("consumersOnOldVersion: number;", "old: number;", "'consumersOnOldVersion'"),
    "a member that may be missing from now on": ("notReached: string[];", "notReached?: string[];", "drift.js"),
}


def test_what_changes_in_the_api_is_noticed_by_the_checker(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "ui", tmp_path / "ui")
    types = tmp_path / page_types.PATH.relative_to(ROOT)
    text = types.read_text(encoding="utf-8")
    for before, after, _ in CHANGED.values():
        assert before in text
        text = text.replace(before, after)
    types.write_text(text, encoding="utf-8")
    _, said = checked(tmp_path)
    assert [change for change, (_, _, noticed) in CHANGED.items() if noticed not in said] == []
