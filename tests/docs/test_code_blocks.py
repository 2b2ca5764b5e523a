"""Code on any page is what its language says, and runs what is there."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess

import pytest

from tests.docs.pages import ROOT, Page, pages

MODULE = re.compile(r"python3? -m ([\w.]+)")
MAKE = re.compile(r"^\s*make ([a-z0-9-]+)", re.MULTILINE)


def blocks(*languages: str) -> list[object]:
    found = [(one, text) for one in pages() for language in languages for text in one.blocks(language)]
    return [pytest.param(one, text, id=f"{one.name}: {text.strip().splitlines()[0][:40]}") for one, text in found]


@pytest.mark.parametrize(("where", "text"), blocks("sh", "bash"))
def test_a_shells_block_is_a_shells(where: Page, text: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(("where", "text"), blocks("python"))
def test_a_block_of_python_compiles(where: Page, text: str) -> None:
    compile(text, where.name, "exec")


@pytest.mark.parametrize(("where", "text"), blocks("json"))
def test_a_block_of_json_is_json(where: Page, text: str) -> None:
    json.loads(text)


@pytest.mark.parametrize(("where", "text"), blocks("sh", "bash"))
def test_a_shells_block_runs_targets_and_modules_that_are_there(where: Page, text: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(MAKE.findall(text)) <= targets
    assert [name for name in MODULE.findall(text) if importlib.util.find_spec(name) is None] == []
