"""The local platform as `make run` starts it, on free ports and in a folder of its own; gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

READY_WITHIN = 90.0  # seconds, on a machine that is busy with other things
HAPPENS_WITHIN = 90.0  # the health sweep alone comes every 30 s
ENDS_WITHIN = 15.0
TENANT, SERVICE, TARGET = "connectsoft", "module-reservations-api", "container-apps"
SCOPES = (
    "runtime.environments.read runtime.environments.write runtime.deployments.read runtime.deployments.write "
    "runtime.health.read"
)
Json = dict[str, Any]


@dataclass(frozen=True)
class Platform:
    """`hub_key` opens the Durable management API, `token` the platform's own."""

    api: str
    token: str
    hub_key: str

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=f"{self.api}/v1/runtime", headers=headers, timeout=30, trust_env=False)

    def service_with_health(self) -> str:
        """An environment in which one service runs and was found healthy; the path of its health."""
        self.release(self.environment("benchmark"), [SERVICE])
        path = f"/services/{SERVICE}/health"
        with self.client() as client:
            _until(client, path, "Healthy")
        return path

    def environment(self, name: str) -> str:
        """The id of a new one, provisioned."""
        with self.client() as client:
            provisioned = _accepted(client, "/environments", _environment(name))
            _until(client, f"/environments/{provisioned['environmentId']}", "Provisioned")
        return str(provisioned["environmentId"])

    def release(self, environment_id: str, modules: Sequence[str]) -> None:
        """Roll them out, and see it completed."""
        with self.client() as client:
            deployed = _accepted(client, "/deployments", _release(environment_id, modules))
            _until(client, f"/deployments/{deployed['deploymentId']}", "Completed")


def _environment(name: str) -> Json:
    return {
        "tenantId": TENANT,
        "projectId": "proj-benchmark",
        "name": name,
        "stage": "dev",
        "region": "westeurope",
        "isolationModel": "silo",
        "computeTargets": [TARGET],
    }


def _release(environment_id: str, modules: Sequence[str]) -> Json:
    image = "acr.azurecr.io/reservations-api:1.4.2"
    components = [{"moduleId": one, "image": image, "target": TARGET} for one in modules]
    gate = {"stableSeconds": 0, "retryTimeoutSeconds": 60}
    return {
        "tenantId": TENANT,
        "environmentId": environment_id,
        "releaseRef": "release-1",
        "components": components,
        "gate": gate,
    }


def _accepted(client: httpx.Client, path: str, body: Mapping[str, Any]) -> Json:
    answer = client.post(path, json=body)
    answer.raise_for_status()
    return dict(answer.json())


def _until(client: httpx.Client, path: str, status: str) -> None:
    """Raises `TimeoutError` saying what was seen instead."""

    def seen() -> str:
        return str(client.get(path).json().get("status"))

    deadline = time.monotonic() + HAPPENS_WITHIN
    while (last := seen()) != status:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} is {last}, not {status}")
        time.sleep(0.3)


@contextlib.contextmanager
def serving(*, quick: bool = False) -> Iterator[Platform]:
    """Start the platform, `quick` with short sweeps, and end it whatever happens.

    Raises `RuntimeError` with its log when it does not get ready.
    """
    with tempfile.TemporaryDirectory(prefix="runtime-cloud-bench-") as folder:
        log = Path(folder) / "up.log"
        short = ["--quick"] if quick else []
        with started(["localazure", "up", "--port", "0", "--data", folder, *short], log) as process:
            endpoints = _ready(process, Path(folder), log)
            key = json.loads((Path(folder) / "host-keys.json").read_text())["durable"]
            yield Platform(endpoints["api"], _token(folder), key)


@contextlib.contextmanager
def started(module: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m <module>` for as long as the block runs, in a session of its own, its words in `log`."""
    with log.open("wb") as out:
        command = [sys.executable, "-m", *module]
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)  # noqa: S603 - our own
    try:
        yield process
    finally:
        _end(process)


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for it while the process lives. Raises `RuntimeError` with the end of its log."""
    deadline = time.monotonic() + READY_WITHIN
    while not holds():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text()[-2000:])
        time.sleep(0.1)


def _ready(process: subprocess.Popen[bytes], data: Path, log: Path) -> Json:
    path = data / "endpoints.json"
    until(path.exists, process, log)
    return dict(json.loads(path.read_text()))


def _token(folder: str) -> str:
    command = [sys.executable, "-m", "localazure", "token", "--tenant", TENANT, "--scopes", SCOPES, "--data", folder]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our own


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
