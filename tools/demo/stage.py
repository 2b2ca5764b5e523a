"""What the audience sees: one live line while something happens, one lasting line for what it proved."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

LONGEST = 60.0  # seconds for one thing to happen
POLL = 0.3


class Failed(Exception):
    """A step did not prove what it is there to prove; the text says what was seen instead."""


class Stage:
    def __init__(self, console: Console) -> None:
        self.console = console

    def require(self, holds: bool, seen: str) -> None:
        if not holds:
            raise Failed(seen)

    def follow(
        self,
        look: Callable[[], Mapping[str, Any]],
        tell: Callable[[Mapping[str, Any]], str],
        until: Collection[str],
        member: str | None = "status",
    ) -> dict[str, Any]:
        """Show `tell` of what `look` sees until the member (None: what `tell` says) is one of `until`."""
        deadline, spinner = time.monotonic() + LONGEST, Spinner("dots")
        with Live(spinner, console=self.console, transient=True, refresh_per_second=10):
            while True:
                seen = dict(look())
                word = tell(seen)
                spinner.update(text=f" {word}")
                if (word if member is None else seen[member]) in until:
                    return seen
                if time.monotonic() > deadline:
                    raise Failed(f"still {word} after {LONGEST:.0f} s")
                time.sleep(POLL)

    def act(self, number: int, title: str, play: Callable[[], str]) -> None:
        self.console.print(f"[bold]{number}. {title}[/bold]")
        began = time.monotonic()
        proved = play()
        self.console.print(f"   [green]✓[/green] {proved} [dim]({time.monotonic() - began:.1f} s)[/dim]", highlight=False)
