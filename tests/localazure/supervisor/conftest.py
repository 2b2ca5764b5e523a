import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

PLATFORM = Path(__file__).with_name("platform_double.py")
ROOT = Path(__file__).parents[3]
SAMPLE = {
    "IsEncrypted": False,
    "Values": {
        "AzureWebJobsStorage": "",
        "ServiceBus": "",
        "TABLES_CONNECTION": "",
        "OIDC_ISSUER": "",
        "OIDC_AUDIENCE": "",
        "OIDC_DECRYPTION_KEY": "",
        "GATE_STABLE_SECONDS": "60",
        "RUNTIME_SIGNING_KEY": "",
        "FEATURE": "from the sample",
    },
}


class Running:
    """One `up`; `ready` is what its stdout line said."""

    def __init__(self, process, data):
        self.process, self.data, self.ready = process, data, None

    def await_ready(self):
        line = self.process.stdout.readline()
        assert line.startswith("Ready "), f"{line!r} {self.process.stderr.read()}"
        self.ready = json.loads(line.removeprefix("Ready "))
        until(lambda: (self.data / "endpoints.json").exists())
        return self

    def child(self, endpoint):
        return until(lambda: _get(self.ready[endpoint] + "/health"))

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(12)


def _get(url):
    try:
        return httpx.get(url, timeout=2, trust_env=False).json()
    except httpx.TransportError:
        return None


def _refuses(url):
    try:
        httpx.get(url, timeout=2, trust_env=False)
    except httpx.TransportError:
        return True
    return False


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.02)
    return value


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "local.settings.sample.json").write_text(json.dumps(SAMPLE))
    return folder


@pytest.fixture
def start(tmp_path, root):
    """Start an `up` with doubles; whatever still runs at the end is killed by its own pid."""
    processes = []

    def start(*flags, data=None, environ=None):
        data = data or tmp_path / "data"
        process = subprocess.Popen(
            [sys.executable, str(PLATFORM), "--data", str(data), "--root", str(root), *flags],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return Running(process, data)

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(name="refuses")
def refuses_fixture():
    """Whether nothing listens at a URL."""
    return _refuses


@pytest.fixture(name="until")
def until_fixture():
    """Wait for a condition, answer its value."""
    return until
