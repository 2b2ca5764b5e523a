"""Play the story; exit 0 when every act proved what it is there for."""

from __future__ import annotations

import contextlib
import sys
import time

from rich.console import Console

from tools.demo.acts import Story
from tools.demo.platform import started
from tools.demo.stage import Failed, Stage


def main() -> int:
    console, began = Console(), time.monotonic()
    stage = Stage(console)
    with contextlib.ExitStack() as stack:
        with console.status("starting the platform …"):
            platform = stack.enter_context(started())
        console.print(f"The platform serves at {platform.endpoints['api']} [dim]({time.monotonic() - began:.1f} s)[/dim]")
        try:
            for number, (title, play) in enumerate(Story(platform, stage).acts(), 1):
                stage.act(number, title, play)
        except Failed as failed:
            console.print(f"   [red]✗[/red] {failed}", highlight=False)
            return 1
    console.print(f"[bold green]Everything held[/bold green] [dim]({time.monotonic() - began:.0f} s)[/dim]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
