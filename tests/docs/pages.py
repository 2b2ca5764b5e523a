"""The documentation as the tests read it: its pages, their headings, links, code blocks and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Page:
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        """Without code blocks."""
        return FENCE.sub("", self.text)

    @property
    def headings(self) -> list[str]:
        return HEADING.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """As the usual renderers make them."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in self.headings}

    @property
    def links(self) -> list[str]:
        return LINK.findall(self.prose)

    def blocks(self, language: str) -> list[str]:
        return [found["text"] for found in FENCE.finditer(self.text) if found["language"] == language]

    def section(self, heading: str) -> str:
        """The text below a heading of the second level, up to the next one."""
        return self.text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


@cache
def page(name: str) -> Page:
    return Page(ROOT / name)


def pages() -> list[Page]:
    names = [
        "README.md",
        "CHANGELOG.md",
        "clients/README.md",
        *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
    ]
    return [page(name) for name in sorted(names)]


def first_column(text: str) -> list[str]:
    """The first cell of every row of the tables in `text`, headings included."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [row.replace(r"\|", "\0").split("|")[1].strip().replace("\0", "|") for row in rows]


def quoted(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)
