"""`python -m runtime_grpc` as a process: what it says without settings, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.grpc.served import QUICK, ROOT

COMMAND = [sys.executable, "-m", "runtime_grpc"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(port: int, *flags: str) -> Iterator[subprocess.Popen[str]]:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    tables = {
        "TABLES_CONNECTION": f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;TableEndpoint=http://127.0.0.1:{port}/a;"
    }
    bus = {"ServiceBus": "Endpoint=sb://127.0.0.1;SharedAccessKeyName=k;SharedAccessKey=k;UseDevelopmentEmulator=true;"}
    settings = {**sample, **QUICK, **tables, **bus, "GRPC_ADDRESS": f"127.0.0.1:{port}"}
    process = subprocess.Popen(
        [*COMMAND, *flags],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stderr):
            if pipe is not None:
                pipe.close()


def until_it_listens(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"it does not listen: {process.poll()}")


def test_what_is_missing_is_named_and_nothing_starts() -> None:
    ran = subprocess.run(COMMAND, cwd=ROOT, env={}, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert "OIDC_ISSUER is missing" in ran.stderr
    assert "RUNTIME_SIGNING_KEY is missing" in ran.stderr


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "stdin"])
def test_it_ends_when_it_is_told(how: str) -> None:
    port = free_port()
    with running(port, "--watch-stdin") as process:
        until_it_listens(port, process)
        if how == "stdin" and process.stdin is not None:
            process.stdin.close()
        else:
            process.send_signal(getattr(signal, how, signal.SIGTERM))
        assert process.wait(10) == 0
