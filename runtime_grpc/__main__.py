"""`python -m runtime_grpc [--watch-stdin]`: serve until SIGINT, SIGTERM or, where it is told so, the end of stdin.

Settings are the app's own (local.settings.sample.json), from the environment; `GRPC_ADDRESS` says where to listen. Exit
code 2 when they do not suffice, with every name that is missing or wrong. Whoever holds the other end of stdin is not
outlived.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

from runtime_grpc.probing import probing_of
from runtime_grpc.server import Server
from shared.azure import telemetry
from shared.container import Container
from shared.kernel import lines
from shared.kernel.settings import BadSettings, Settings, read

PATIENCE = 6.0  # seconds between being told to end and ending regardless

log = logging.getLogger("runtime_grpc")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m runtime_grpc", description="The platform's gRPC server.")
    parser.add_argument("--watch-stdin", action="store_true", help="end when stdin reaches its end")
    options = parser.parse_args()
    lines.install()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("azure", "grpc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        settings = read(os.environ)
    except BadSettings as bad:
        log.error("it cannot serve: %s", bad)
        return 2
    asyncio.run(serve(settings, watch_stdin=options.watch_stdin))
    return 0


async def serve(settings: Settings, *, watch_stdin: bool) -> None:
    ended = asyncio.Event()
    _end_on_request(ended.set, watch_stdin=watch_stdin)
    container = Container(settings)
    telling = telemetry.start(settings, telemetry.Service("runtime-grpc"))
    try:
        server = Server(container, settings.grpc.address)
        container.messaging.open()
        await server.start()
        log.info("serving on %s", settings.grpc.address)
        probing = asyncio.create_task(_probe(container, server.port))
        await ended.wait()
        probing.cancel()
        await server.stop()
    finally:
        await container.close()
        await asyncio.to_thread(telling.end)
    log.info("ended")


async def _probe(container: Container, port: int) -> None:
    """Try to reach what is another tenant's, where there is a client to try it with."""
    if container.settings.isolation.client_id:
        await probing_of(container, port).keep(container.settings.pace.drift_interval)


def _end_on_request(stop: Callable[[], None], *, watch_stdin: bool) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        patience = threading.Timer(PATIENCE, os._exit, (1,))
        patience.daemon = True
        patience.start()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(stop)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end())
    if watch_stdin:
        threading.Thread(target=watch, name="watch-stdin", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
