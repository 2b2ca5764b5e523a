"""An ASGI application on a real socket, in the loop of the test."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import uvicorn


@contextlib.asynccontextmanager
async def serving(
    app: Any, *, certificate: Path | None = None, key: Path | None = None, lifespan: Literal["on", "off"] = "off"
) -> AsyncIterator[int]:
    """Serve on a free port of loopback, which is given; in TLS where there is a certificate.

    Without uvicorn's main loop, for whose ticks of 0.1 s every test would wait; what it does there (the `Date` of answers)
    is left out.
    """
    config = uvicorn.Config(
        app,
        port=0,
        log_level="error",
        lifespan=lifespan,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()[1]
    await server.shutdown()
