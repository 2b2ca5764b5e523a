"""`python -m localazure.host --data D [--app DIR] [--watch-stdin]`: serve the Functions app of the working directory.

Ends with code 0 on SIGINT or SIGTERM, and with --watch-stdin when stdin reaches its end: the supervisor holds the other end
of the pipe, so the host does not outlive one that is killed. A refusal is one line and exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import warnings
from pathlib import Path

from localazure.child_process import end_on_request, loop_factory
from localazure.host.configuration import BadSetting, NotEmulated
from localazure.host.server import Host, Server
from localazure.layout import Layout

log = logging.getLogger("localazure.host")


class OneLine(logging.Formatter):
    """One line per event, so that nothing a client sends can forge a second one; tracebacks follow, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\n    ")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localazure.host", description="The local Azure Functions host.")
    parser.add_argument("--data", type=Path, required=True, help="the data folder (localazure.layout)")
    parser.add_argument("--app", type=Path, default=Path(), help="the folder of function_app.py (default: here)")
    parser.add_argument("--watch-stdin", action="store_true", help="end when stdin reaches its end")
    parser.add_argument("--log-level", default="info")
    return parser.parse_args()


def _set_up_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for noisy in ("durabletask", "azure", "uvicorn", "httpx", "httpx2", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("azure.servicebus").setLevel(logging.ERROR)  # the receivers say what matters, once
    # An event raised before anyone waits for it is the library's normal path, and it warns of it.
    warnings.filterwarnings("ignore", "Potential duplicate Task completion", UserWarning)


async def _serve(arguments: argparse.Namespace) -> int:
    layout = Layout(arguments.data.absolute())
    try:
        host = Host(layout, arguments.app.absolute())
    except (NotEmulated, BadSetting, ValueError) as refusal:
        kind = "not emulated: " if isinstance(refusal, NotEmulated) else ""
        log.error("the app is refused: %s%s", kind, refusal)
        return 1
    server = Server(host, layout.ports["api"])

    def stop() -> None:
        server.should_exit = True

    end_on_request(stop, watch_stdin=arguments.watch_stdin)
    log.info("%d functions, serving on %s", len(host.functions), layout.url("api"))
    try:
        await server.serve()
    finally:
        await host.stop()
    log.info("ended")
    return 0


def main() -> None:
    arguments = _arguments()
    _set_up_logging(arguments.log_level)
    code = 1
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            code = runner.run(_serve(arguments))
    except Exception:  # the app's import, or a defect: say it and end
        log.exception("the host failed")
    finally:
        logging.shutdown()
        os._exit(code)  # a sync function that hangs in its thread must not keep the process


if __name__ == "__main__":
    main()
