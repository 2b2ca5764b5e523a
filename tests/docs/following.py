"""A page that tells what to type, press and see, followed word by word.

`sh` blocks are typed into one shell, one after the other, and the first that fails ends it. `bash` blocks are for those
without a browser. In prose, "press **X**" presses the button X and "see **X**" waits until X is shown, in the page whose
address was printed last.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page as Tab
from playwright.sync_api import TimeoutError

STEP = re.compile(
    r"^```(?P<language>sh|bash)\n(?P<block>.*?)^```$|\b(?P<deed>press|see)\s\*\*(?P<words>.+?)\*\*",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
ADDRESS = re.compile(r"^http\S+/ui/\S*$", re.MULTILINE)
DONE = "-- followed --"


@dataclass(frozen=True)
class Step:
    """`deed` is `sh`, `bash`, `press` or `see`; `words` is the block, or what is written in bold."""

    deed: str
    words: str


def steps(text: str) -> list[Step]:
    return [
        Step(found["language"] or found["deed"].lower(), found["block"] or " ".join(found["words"].split()))
        for found in STEP.finditer(text)
    ]


@dataclass(frozen=True)
class Shell:
    """One bash for all blocks: what a block defines, the next one uses."""

    process: subprocess.Popen[str]

    def types(self, block: str) -> str:
        """What the block printed. Raises `AssertionError` with it when a command of the block fails."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{block}\necho '{DONE}'\n")
        self.process.stdin.flush()
        said: list[str] = []
        for line in self.process.stdout:
            if line.strip() == DONE:
                return "".join(said)
            said.append(line)
        raise AssertionError(f"failed:\n{block}\nafter it said:\n{''.join(said)}")


@contextlib.contextmanager
def shell(folder: Path) -> Iterator[Shell]:
    command = ["bash", "-eo", "pipefail"]
    with subprocess.Popen(
        command, cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield Shell(process)
        finally:
            process.kill()


def address(said: str) -> str | None:
    """The last address of the operators' page in what was printed."""
    found = ADDRESS.findall(said)
    return found[-1] if found else None


def browses(tab: Tab, step: Step) -> None:
    """Raises `AssertionError` with what the page shows in the place of what was told."""
    try:
        _browses(tab, step)
    except TimeoutError as late:
        raise AssertionError(f"{step.deed} {step.words}: {tab.url} shows\n{tab.locator('body').inner_text()}") from late


def _browses(tab: Tab, step: Step) -> None:
    if step.deed == "press":
        tab.get_by_role("button", name=step.words).first.click()
    else:
        tab.get_by_text(step.words).locator("visible=true").first.wait_for()
