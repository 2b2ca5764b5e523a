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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tools.demo.stage import Failed

READY_WITHIN = 60.0  # seconds
ENDS_WITHIN = 15.0
BACK_WITHIN = 20.0  # a host that was killed serves again
POLL = 0.3
OK, UNAVAILABLE = 200, 503
SCOPES = (
    "runtime.environments.read runtime.environments.write runtime.deployments.read runtime.deployments.write "
    "runtime.configurations.write runtime.secrets.write runtime.health.read runtime.scaling.write runtime.drift.read"
)


@dataclass(frozen=True)
class Platform:
    """A running platform, asked as its users ask it: over HTTP, with a bearer token."""

    process: subprocess.Popen[bytes]
    endpoints: Mapping[str, Any]
    api: httpx.Client
    control: httpx.Client

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The document at `path`, asked again while the API is being restarted. Raises `Failed` for anything but a 200."""
        deadline = time.monotonic() + BACK_WITHIN
        while True:
            try:
                answer = self.api.get(path, params=query)
            except httpx.TransportError as gone:
                said = f"no answer ({type(gone).__name__})"
            else:
                if answer.status_code == OK:
                    return dict(answer.json())
                said = f"{answer.status_code} {answer.text}"
                if answer.status_code != UNAVAILABLE:
                    raise Failed(f"GET {path}: {said}")
            if time.monotonic() > deadline:
                raise Failed(f"GET {path}: {said}")
            time.sleep(POLL)

    def kill_host(self) -> int:
        """SIGKILL the Functions host, as a machine that fails would; the pid that it had."""
        pid = _child_of(self.process.pid, "localazure.host")
        os.kill(pid, signal.SIGKILL)
        return pid

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return self.api.post(path, json=body)

    def running(self, environment_id: str) -> dict[str, set[str]]:
        """serviceId -> images of its ready replicas, as the workload runner tells it: not the platform's own word."""
        rows = self.control.get("/workloads").json()
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
            with _client(endpoints["api"], _token(folder)) as api, httpx.Client(base_url=endpoints["control"]) as control:
                yield Platform(process, endpoints, api, control)
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


def _client(base_url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=f"{base_url}/v1/runtime", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
