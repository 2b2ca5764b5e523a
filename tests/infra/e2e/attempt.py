"""One attempt of the provisioner in a process of its own, to be killed: `python -m tests.infra.e2e.attempt RECORD URL`."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from infra.environment.program import program
from infra.provisioner.engine import EngineSettings
from infra.provisioner.pulumi_engine import PulumiEngine
from tests.infra.e2e.stand_in import Client


async def main() -> None:
    backend, passphrase = os.environ["TESTS_BACKEND"], os.environ["TESTS_PASSPHRASE"]
    settings = EngineSettings(backend_url=backend, passphrase=passphrase, environ=dict(os.environ))
    engine = PulumiEngine(settings, program, heartbeat=0.5)

    async def progress(step: str, status: str, detail: str) -> None: ...

    await engine.make(json.loads(sys.argv[1]), arm=Client(sys.argv[2]), progress=progress)


if __name__ == "__main__":
    asyncio.run(main())
