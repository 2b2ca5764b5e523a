"""A platform for one story: its own data folder, free ports, short gates and sweeps; gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from clients.runtime_client import Live, Runtime
from tools.demo.stage import Failed

READY_WITHIN = 60.0  # seconds
ENDS_WITHIN = 15.0
BACK_WITHIN = 20.0  # a host that was killed serves again
POLL = 0.3
SCOPES = (
    "runtime.environments.read runtime.environments.write runtime.deployments.read runtime.deployments.write "
    "runtime.configurations.write runtime.secrets.write runtime.health.read runtime.scaling.write runtime.drift.read"
)


@dataclass(frozen=True)
class Platform:
    """A running platform, from outside."""

    process: subprocess.Popen[bytes]
    endpoints: Mapping[str, Any]
    token: str

    def kill_host(self) -> int:
        """SIGKILL the Functions host, as a machine that fails would; the pid that it had."""
        pid = _child_of(self.process.pid, "localazure.host")
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextlib.asynccontextmanager
    async def callers(self) -> AsyncIterator[Callers]:
        """Its users' client for both of its faces, and the control API."""
        api, control = self.endpoints["api"], self.endpoints["control"]
        async with (
            httpx.AsyncClient(base_url=api, timeout=30, trust_env=False) as http,
            httpx.AsyncClient(base_url=control, timeout=30, trust_env=False) as controlled,
            Live(self.endpoints["grpc"], self.token) as live,
        ):
            yield Callers(Runtime(api, self.token, http=http, patience=BACK_WITHIN), live, controlled)


@dataclass(frozen=True)
class Callers:
    runtime: Runtime
    live: Live
    control: httpx.AsyncClient

    async def tell(self, path: str, body: Mapping[str, Any]) -> None:
        """Something happens to workloads behind the platform's back."""
        (await self.control.post(path, json=body)).raise_for_status()

    async def running(self, environment_id: str) -> dict[str, set[str]]:
        """serviceId -> images of its ready replicas, as the workload runner tells it: not the platform's own word."""
        rows = (await self.control.get("/workloads")).json()
        return {
            row["serviceId"]: {replica["image"] for replica in row["replicas"] if replica["ready"]}
            for row in rows
            if row["environmentId"] == environment_id
        }


@contextlib.contextmanager
def started() -> Iterator[Platform]:
    """Start a platform, and end it whatever happens. Raises `RuntimeError` with its log when it does not get ready."""
    with tempfile.TemporaryDirectory(prefix="runtime-cloud-demo-") as folder:
        data = Path(folder)
        with (data / "up.log").open("wb") as log:
            command = [sys.executable, "-m", "localazure", "up", "--port", "0", "--data", folder, "--quick"]
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own
        try:
            endpoints = _ready(process, data)
            yield Platform(process, endpoints, _token(folder))
        finally:
            _end(process)


def _child_of(parent: int, module: str) -> int:
    """The pid of the child that runs a module. Raises `Failed` when there is none."""
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="]  # any POSIX system's own
    listing = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    for line in listing.stdout.splitlines():
        pid, ppid, words = line.split(None, 2)
        if int(ppid) == parent and f"-m {module}" in words:
            return int(pid)
    raise Failed(f"no process runs {module}")


def _ready(process: subprocess.Popen[bytes], data: Path) -> dict[str, Any]:
    deadline, path = time.monotonic() + READY_WITHIN, data / "endpoints.json"
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads(path.read_text()))
        time.sleep(POLL)
    raise RuntimeError((data / "up.log").read_text()[-2000:])


def _token(folder: str) -> str:
    command = [sys.executable, "-m", "localazure", "token", "--tenant", "connectsoft", "--scopes", SCOPES, "--data", folder]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our own


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
