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

READY_WITHIN = 60.0  # seconds
ENDS_WITHIN = 15.0
POLL = 0.3
SCOPES = (
    "runtime.environments.read runtime.environments.write runtime.deployments.read runtime.deployments.write "
    "runtime.configurations.write runtime.secrets.write runtime.health.read runtime.scaling.write runtime.drift.read"
)


@dataclass(frozen=True)
class Platform:
    """A running platform, asked as its users ask it: over HTTP, with a bearer token."""

    endpoints: Mapping[str, Any]
    api: httpx.Client
    control: httpx.Client

    def get(self, path: str, **query: str) -> dict[str, Any]:
        answer = self.api.get(path, params=query)
        answer.raise_for_status()
        return dict(answer.json())

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
                yield Platform(endpoints, api, control)
        finally:
            _end(process)


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
