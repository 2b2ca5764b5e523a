"""Azurite's table service in a process of its own, as `up` starts it, but in memory."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest

from localazure.supervisor.node import find_azurite, find_node
from localazure.supervisor.trouble import Trouble
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
# The account that every Azurite has, from its README.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
# `--skipApiVersionCheck`, because the SDK may be newer than the emulator.
OPTIONS = ("--silent", "--skipApiVersionCheck", "--loose", "--disableTelemetry", "--inMemoryPersistence")
STARTED_WITHIN = 30.0  # seconds


def connection_string(port: int) -> str:
    """Of the tables on a port of loopback: Azurite's own, or one of a proxy before it."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};"
        f"TableEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    )


class Azurite:
    """Runs from `start` to `stop`; without Node or Azurite (`make setup`) the test that needs it is a stated skip."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        try:
            command = [find_node(), str(find_azurite(ROOT))]
        except Trouble as missing:
            pytest.skip(str(missing))
        self._process = subprocess.Popen(
            [*command, *OPTIONS, "--tableHost", "127.0.0.1", "--tablePort", str(self.port)],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + STARTED_WITHIN
        while not self._listens():
            assert self._process.poll() is None, "Azurite ended"
            assert time.monotonic() < deadline, "Azurite does not listen"
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
