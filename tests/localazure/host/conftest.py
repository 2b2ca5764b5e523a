"""A local Functions host in a process of its own, serving the sample app or one written by the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from localazure.layout import Layout, draw_ports

SAMPLE_APP = Path(__file__).parent / "sample_app"
ROOT = Path(__file__).parents[3]


class LocalHost:
    """One data folder and the host process that serves it; `restart` after `kill` comes back on the same port."""

    def __init__(self, data: Path, app: Path = SAMPLE_APP, **settings: str) -> None:
        self.data, self.app = data, app
        data.mkdir(parents=True, exist_ok=True)
        (data / "ports.json").write_text(json.dumps(draw_ports({}, None)))
        defaults = {
            "TICK": "0 0 0 1 1 *",
            "QUEUE": "work",
            "BUS": self.bus(Layout(data).ports["serviceBus"]),
            "NOTES": str(data / "notes"),
        }
        (data / "settings.json").write_text(json.dumps(defaults | settings))
        self.layout = Layout(data)
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=self.layout.url("api"), timeout=10, trust_env=False)

    @staticmethod
    def bus(port: int) -> str:
        return (
            f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
            "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
        )

    @property
    def log(self) -> str:
        return (self.data / "log").read_text()

    def launch(self, *options: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "localazure.host", "--data", str(self.data), "--app", str(self.app), *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.app, env=environment, stdin=stdin, stderr=log, stdout=log, start_new_session=True
            )
        return self.process

    def start(self, *options: str, stdin: int = subprocess.DEVNULL) -> LocalHost:
        process = self.launch(*options, stdin=stdin)
        for _ in range(400):
            try:
                self.http.get("/")
                return self
            except httpx.TransportError:
                assert process.poll() is None, self.log
                time.sleep(0.05)
        raise AssertionError(self.log)

    def end(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(30)

    def all_notes(self) -> list[tuple[str, Any]]:
        """What the app noted, in this and earlier processes, in order."""
        path = self.data / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(kind, value) for kind, value in map(json.loads, lines)]

    def notes(self, what: str) -> list[Any]:
        return [value for kind, value in self.all_notes() if kind == what]

    @property
    def keys(self) -> dict[str, str]:
        return dict(json.loads((self.data / "host-keys.json").read_text()))

    def manage(self, method: str, path: str, body: Any = None, **parameters: str) -> httpx.Response:
        """A call of the Durable management API."""
        content = {} if body is None else {"json": body}
        url = f"/runtime/webhooks/durabletask/{path}"
        return self.http.request(method, url, params={"code": self.keys["durable"], **parameters}, **content)

    def run(self, name: str, given: Any = None, key: str | None = None) -> str:
        """Start an orchestration through the app and its real client; its instance id."""
        response = self.http.post(f"/start/{name}", json=given, params={"id": key} if key else {})
        assert response.status_code == 202, (response.text, self.log)
        return str(response.json()["id"])

    def outcome(self, key: str) -> dict[str, Any]:
        """The status of an instance once it has ended."""
        return until(lambda: self._ended(key))

    def _ended(self, key: str) -> dict[str, Any] | None:
        response = self.manage("GET", f"instances/{key}")
        return None if response.status_code == 202 else dict(response.json())


def until(look: Callable[[], Any], seconds: float = 10) -> Any:
    """The first truthy value of `look`."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHost]:
    """The sample app, shared by tests that leave it as they found it."""
    served = LocalHost(tmp_path_factory.mktemp("host")).start()
    yield served
    served.end()
    served.http.close()


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[Callable[..., LocalHost]]:
    """Hosts of the test's own; all are ended with it."""
    made: list[LocalHost] = []

    def make(app: Path = SAMPLE_APP, **settings: str) -> LocalHost:
        made.append(LocalHost(tmp_path / f"data{len(made)}", app, **settings))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None and one.process.poll() is None:
            one.end(signal.SIGKILL)
        one.http.close()
