"""`docs/start.md`, followed word by word: a clean copy of the tree, a platform of its own, a browser if there is one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from tests.docs.following import Shell, Step, address, browses, shell, steps
from tests.docs.pages import ROOT, page
from tests.ui.chromium import CHROMIUM, FLAGS

START = steps(page("docs/start.md").text)
SERVES = "The Runtime & Cloud Platform serves."
PATIENCE = 60_000  # milliseconds
INSTALLED = (".venv", "node_modules")  # by `make setup`, which other tests are about


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git would check out of this tree as it stands, and what is installed beside it."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in INSTALLED:
        (folder / name).symlink_to(ROOT / name)
    return folder


@contextlib.contextmanager
def first_terminal(command: str, folder: Path) -> Iterator[None]:
    """The platform, from when it says that it serves until Ctrl-C."""
    with subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if SERVES in line:
                    break
            else:
                raise AssertionError("".join(said))
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=30)


@contextlib.contextmanager
def browser() -> Iterator[Tab | None]:
    if CHROMIUM is None:
        yield None
        return
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = opened.new_page()
        tab.set_default_timeout(PATIENCE)
        yield tab
        opened.close()


def follow(typing: Shell, tab: Tab | None, told: list[Step]) -> None:
    for step in told:
        if step.deed == "sh" or (step.deed == "bash" and tab is None):
            there = address(typing.types(step.words))
            if there and tab:
                tab.goto(there)
        elif step.deed != "bash" and tab:
            browses(tab, step)


def test_the_page_tells_all_that_is_to_be_seen() -> None:
    told = {(step.deed, step.words) for step in START}
    assert {("see", "Unhealthy"), ("see", "Rolled back"), ("press", "Release the hold"), ("see", "Done")} <= told
    assert START[0].words.startswith("make run ")


@pytest.mark.e2e
def test_a_newcomer_sees_a_rollback(clone: Path) -> None:
    first, *rest = START
    with first_terminal(first.words, clone), shell(clone) as typing, browser() as tab:
        follow(typing, tab, rest)


def test_a_command_that_fails_would_be_noticed(tmp_path: Path) -> None:
    with shell(tmp_path) as typing:
        assert typing.types("a=1\necho $a") == "1\n"
        with pytest.raises(AssertionError, match="no such thing"):
            typing.types("echo no such thing\nfalse")
