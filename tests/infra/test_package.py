"""The app's package: what Azure needs and nothing else, with the scheduler in its host.json."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from infra.platform.package import PROVIDER, ROOT, files, host_json, ignored, pack


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("package") / "app.zip"
    pack(ROOT, target)
    return zipfile.ZipFile(target)


def test_it_holds_what_the_app_imports_and_no_more(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    assert {"function_app.py", "host.json", "requirements.txt"} <= set(names)
    assert {name.split("/")[0] for name in names if "/" in name} >= {"blueprints", "shared"}
    unwanted = ("infra/", "localazure/", "tests/", "tools/", "docs/adr/", ".venv/", ".git/", "node_modules/", "benchmarks/")
    assert [name for name in names if name.startswith(unwanted) or name.endswith(".pyc")] == []
    assert {name for name in names if name.endswith(".md")} == {name for name in names if name.startswith("docs/operator/")}
    assert not [name for name in names if "settings" in name and name.endswith(".json")]


def test_every_module_of_the_app_is_in_it(archive: zipfile.ZipFile) -> None:
    there = set(archive.namelist())
    for folder in ("shared", "blueprints"):
        modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py")}
        assert modules <= there


def test_the_operators_page_is_in_it_with_the_guide_that_it_shows(archive: zipfile.ZipFile) -> None:
    there = set(archive.namelist())
    for folder in ("ui", "docs/operator"):
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
        files = {name for name in files if not name.endswith(".d.ts")}  # what a checker reads, and no browser
        assert files
        assert files <= there


def test_host_json_differs_from_the_repositorys_by_the_scheduler_alone(archive: zipfile.ZipFile) -> None:
    local = json.loads((ROOT / "host.json").read_text())
    packed = json.loads(archive.read("host.json"))
    assert packed["extensions"]["durableTask"].pop("storageProvider") == PROVIDER
    assert packed == local
    assert "storageProvider" not in local["extensions"]["durableTask"]


def test_the_setting_that_host_json_names_is_given_to_the_app() -> None:
    source = (ROOT / "infra" / "platform" / "durable.py").read_text()
    assert f'CONNECTION = "{PROVIDER["connectionStringName"]}"' in source
    assert host_json({"extensions": {"durableTask": {"hubName": "a"}}})["extensions"]["durableTask"]["hubName"] == "a"


def test_a_pattern_covers_what_is_below_it_and_names_anywhere(tmp_path: Path) -> None:
    assert ignored("infra/platform/program.py", ["infra"])
    assert ignored("shared/x/__pycache__/a.pyc", ["__pycache__"])
    assert ignored(".git/config", [".*"])
    assert not ignored("shared/infrastructure.py", ["infra"])
    kept = ["docs/*", "!docs/operator", "*.md", "!docs/operator/*.md"]
    assert not ignored("docs/operator/start.md", kept)
    assert ignored("docs/start.md", kept)
    assert ignored("docs/adr/0001.md", kept)
    (tmp_path / ".funcignore").write_text("# comment\nout/\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.py").write_text("")
    (tmp_path / "b.py").write_text("")
    assert sorted(files(tmp_path)) == [".funcignore", "b.py"]
