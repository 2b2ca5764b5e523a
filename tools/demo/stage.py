"""What the audience sees: one live line while something happens, one lasting line for what it proved."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

T = TypeVar("T")
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

    async def follow(
        self,
        look: Callable[[], Awaitable[Mapping[str, Any]]],
        tell: Callable[[Any], str],
        until: Collection[str],
        member: str | None = "status",
    ) -> Any:
        """Show `tell` of what `look` sees until the member (None: what `tell` says) is one of `until`."""
        deadline = time.monotonic() + LONGEST
        with self._showing() as show:
            while True:
                seen = await look()
                word = tell(seen)
                show(word)
                if (word if member is None else seen[member]) in until:
                    return seen
                if time.monotonic() > deadline:
                    raise Failed(f"still {word} after {LONGEST:.0f} s")
                await asyncio.sleep(POLL)

    async def during(self, work: Callable[[Callable[[Any], None]], Awaitable[T]], tell: Callable[[Any], str]) -> T:
        """Show `tell` of whatever `work` tells of itself while it goes on."""
        with self._showing() as show:
            return await work(lambda seen: show(tell(seen)))

    @contextlib.contextmanager
    def _showing(self) -> Iterator[Callable[[str], None]]:
        spinner = Spinner("dots")
        with Live(spinner, console=self.console, transient=True, refresh_per_second=10):
            yield lambda word: spinner.update(text=f" {word}")

    async def act(self, number: int, title: str, play: Callable[[], Awaitable[str]]) -> None:
        self.console.print(f"[bold]{number}. {title}[/bold]")
        began = time.monotonic()
        proved = await play()
        self.console.print(f"   [green]✓[/green] {proved} [dim]({time.monotonic() - began:.1f} s)[/dim]", highlight=False)
