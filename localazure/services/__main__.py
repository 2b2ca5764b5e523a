"""`python -m localazure.services --data D [--watch-stdin]`: every stand-in, until SIGINT, SIGTERM or the end of stdin.

The supervisor holds the other end of stdin, so the stand-ins do not outlive one that was killed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from localazure.child_process import end_on_request, loop_factory
from localazure.layout import Layout
from localazure.services.composition import Services

log = logging.getLogger("localazure.services")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localazure.services", description="All stand-ins of the local Azure.")
    parser.add_argument("--data", type=Path, required=True, help="the data folder (localazure.layout)")
    parser.add_argument("--watch-stdin", action="store_true", help="end when stdin reaches its end")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for talkative in ("uvicorn", "httpx2"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(Layout(options.data.absolute()), options.watch_stdin))


async def _serve(layout: Layout, watch_stdin: bool) -> None:
    ended = asyncio.Event()
    end_on_request(ended.set, watch_stdin=watch_stdin)
    services = Services(layout)
    try:
        await services.start()
        log.info("all stand-ins serve, control API on %s", layout.url("control"))
        await ended.wait()
    finally:
        await services.stop()


if __name__ == "__main__":
    main()
