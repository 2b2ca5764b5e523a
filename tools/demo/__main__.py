"""Play the story; exit 0 when every act proved what it is there for. `--page`: then leave the platform and its page open on
the story, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
import webbrowser

from rich.console import Console

from clients.runtime_client import Problem
from tools.demo.acts import Story
from tools.demo.platform import Platform, started
from tools.demo.stage import Failed, Stage


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description="Play the platform's story.")
    parser.add_argument("--page", action="store_true", help="leave it open in the operators' page, until Ctrl-C")
    wish = parser.parse_args(arguments)
    console, began = Console(), time.monotonic()
    stage = Stage(console)
    with contextlib.ExitStack() as stack:
        with console.status("starting the platform …"):
            platform = stack.enter_context(started())
        console.print(f"The platform serves at {platform.endpoints['api']} [dim]({time.monotonic() - began:.1f} s)[/dim]")
        try:
            environment_id = asyncio.run(played(platform, stage))
        except (Failed, Problem) as failed:
            console.print(f"   [red]✗[/red] {failed}", highlight=False)
            return 1
        console.print(f"[bold green]Everything held[/bold green] [dim]({time.monotonic() - began:.0f} s)[/dim]")
        if wish.page:
            leave_open(console, f"{platform.endpoints['api']}/ui/e/{environment_id}")
    return 0


async def played(platform: Platform, stage: Stage) -> str:
    """The environment that the story was about."""
    async with platform.callers() as callers:
        story = Story(platform, callers, stage)
        for number, (title, play) in enumerate(story.acts(), 1):
            await stage.act(number, title, play)
    return story.environment_id


def leave_open(console: Console, address: str) -> None:
    """Show the story in the page until somebody has seen enough."""
    console.print(f"\nThe story, in the operators' page: [link={address}]{address}[/link]", soft_wrap=True)
    console.print("Sign in as the viewer or the operator. Ctrl-C ends it.")
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(address)  # where there is a browser
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
