"""What the README says of commands, settings, routes and folders is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT, first_column, page, pages, quoted

README = page("README.md")


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def help_of(*module: str) -> str:
    command = [sys.executable, "-m", *module, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_make_target_that_a_page_names_exists() -> None:
    named = {
        target for one in pages() for target in re.findall(r"\bmake ([a-z]+)\b(?=[`\s])", one.text) if target in code(one)
    }
    assert {"run", "test", "demo", "check", "bench"} <= named
    assert named <= targets()


def code(one: object) -> set[str]:
    """Targets in code: prose may make other things."""
    text = getattr(one, "text", "")
    inline = [word for piece in quoted(text) for word in re.findall(r"^make ([a-z]+)", piece)]
    blocks = [
        word for block in page("README.md").blocks("sh") for word in re.findall(r"^make ([a-z]+)", block, re.MULTILINE)
    ]
    return {*inline, *blocks}


@pytest.mark.parametrize(("module", "command"), [("localazure", "up"), ("localazure", "token"), ("benchmarks", "")])
def test_the_command_lines_answer_for_help(module: str, command: str) -> None:
    assert help_of(module, *([command] if command else [])).startswith(f"usage: {module}")


def commands(block: str) -> list[str]:
    """One a line, without comments."""
    return [line.split("  #")[0] for line in block.replace("\\\n", " ").splitlines()]


def test_the_options_that_the_readme_names_exist() -> None:
    known = set(
        re.findall(r"--[a-z]+", help_of("localazure", "up") + help_of("localazure", "token") + help_of("tools.demo"))
    )
    pieces = [*quoted(README.prose), *(line for block in README.blocks("sh") for line in commands(block))]
    ours = [piece for piece in pieces if "localazure" in piece or "ARGS" in piece or piece.startswith("--")]
    named = {option for piece in ours for option in re.findall(r"(?<!\w)--[a-z]+", piece)}
    assert {"--port", "--data", "--reset", "--quick", "--tenant", "--scopes"} <= named
    assert named <= known


def test_the_table_of_settings_names_every_setting_and_no_other() -> None:
    sample = set(json.loads((ROOT / "local.settings.sample.json").read_text())["Values"])
    cells = first_column(README.section("On real Azure"))
    named = {name for cell in cells for name in quoted(cell)}
    assert named == sample


def test_the_public_routes_are_declared_with_the_scopes_that_the_table_shows() -> None:
    import function_app  # imported here: it costs half a second

    declared = {f"{route.method} {route.path}": route.scopes for route in function_app.endpoints.table}
    rows = re.findall(
        r"^\| `((?:GET|POST) \S+)` \|.*\| `(runtime\.\S+)` \|$", README.section("A first request"), re.MULTILINE
    )
    assert len(rows) == 9
    assert [(route, scope) for route, scope in rows if scope not in (declared.get(route) or ())] == []


def test_only_the_probes_are_open_to_all() -> None:
    import function_app

    opened = {route.full_path for route in function_app.endpoints.table if route.scopes is None}
    sentence = next(line for line in README.section("Security").splitlines() if line.startswith("- Every route but"))
    assert set(quoted(sentence)) == opened


def test_the_folders_of_the_tree_exist() -> None:
    folders = [quoted(cell)[0].split(" … ")[0] for cell in first_column(README.section("The tree")) if quoted(cell)]
    assert len(folders) > 8
    assert [folder for folder in folders if not (ROOT / folder).exists()] == []


def test_files_and_modules_that_are_named_exist() -> None:
    paths = [
        piece for piece in quoted(README.prose) if re.fullmatch(r"[a-z._][\w.-]*(?:/[\w.-]+)+|[\w-]+\.(?:py|json)", piece)
    ]
    made = {"local.settings.json", ".local/settings.json", "Microsoft.App/containerApps", ".local/logs"}
    assert [path for path in paths if path not in made and not (ROOT / path).exists()] == []


def test_the_request_of_the_readme_is_a_request_that_the_app_takes() -> None:
    from shared.runtime.environments.model import ProvisionRequest

    command = next(block for block in README.blocks("sh") if "environments" in block)
    body = re.search(r"-d '(\{.*?\})'", command, re.DOTALL)
    assert body is not None
    assert ProvisionRequest.read(json.loads(body[1])).name == "booking-prod-weu"
