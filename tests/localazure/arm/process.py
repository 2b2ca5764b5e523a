"""ARM in a process of its own, over plain HTTP, for the tests that kill it: `process.py <folder> <port> <certificate>`."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

from localazure.arm.app import application
from localazure.arm.jobs import JobRunner
from localazure.arm.platform_kinds import Cluster
from localazure.shelf import Shelf
from tests.localazure.arm.conftest import ROOT, server_context
from tests.localazure.arm.doubles import Runner, Vaults


def main(folder: Path, port: int, certificate: Path) -> None:
    app = application(
        Shelf(folder / "services.sqlite"),
        Runner(),
        jobs=JobRunner(logs=folder / "logs", project=ROOT, environment={}),
        authorise=lambda _: True,
        vaults=Vaults(),
        cluster=Cluster("https://127.0.0.1:6443", "PEM"),
        tls=server_context(certificate),
        endpoint=f"http://127.0.0.1:{port}",
        delay_seconds=0.5,
    )
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", lifespan="on")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
