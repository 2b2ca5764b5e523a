"""The processes of a running platform, found as an operator finds them: by the supervisor's pid in /proc.

Every kill is of one exact pid that was just seen to be the supervisor's child, or its child's job.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.driving import Platform, until

PROC = Path("/proc")
WORDS = {
    "azurite": "azurite",
    "services": "localazure.services",
    "host": "localazure.host",
    "grpc": "runtime_grpc",
}
REAL_CLUSTER = {"etcd": "/etcd", "kube-apiserver": "/kube-apiserver"}  # with `--kubernetes real`

if not PROC.joinpath("self/task").exists():
    pytest.skip("children are found in /proc: Linux only", allow_module_level=True)


def children(platform: Platform) -> dict[str, int]:
    """name -> pid of every child of the supervisor that is alive."""
    found: dict[str, int] = {}
    for pid in _children_of(platform.process.pid):
        command = _command(pid)
        found |= {name: pid for name, word in (WORDS | REAL_CLUSTER).items() if any(word in part for part in command)}
    return found


def kill(platform: Platform, name: str) -> int:
    """SIGKILL a child; its pid."""
    pid = children(platform)[name]
    os.kill(pid, signal.SIGKILL)
    return pid


def provisioner_of(operation_id: str) -> int | None:
    """The pid of the provisioner that works on an operation, without the guard that started it."""
    for entry in PROC.iterdir():
        command = _command(int(entry.name)) if entry.name.isdigit() else []
        if command[1:3] == ["-m", "infra.provisioner"] and operation_id in command:
            return int(entry.name)
    return None


def until_started(platform: Platform, name: str, killed: int, seconds: float = 60.0) -> None:
    """Wait until the child runs as another process."""
    until(lambda: children(platform).get(name, killed), lambda pid: pid != killed, seconds)


def until_back(platform: Platform, name: str, killed: int, seconds: float = 60.0) -> None:
    """Wait until the child runs as another process and serves."""
    until_started(platform, name, killed, seconds)
    client, path = {"services": (platform.control.http, "/health"), "host": (platform.api, "/health")}[name]
    until(lambda: answers(client, path), bool, seconds)


def answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def seconds_until_gone(pids: list[int], limit: float) -> float:
    """How long it took until none of them ran. Raises `AssertionError` after `limit` seconds."""
    began = time.monotonic()
    until(lambda: [pid for pid in pids if alive(pid)], lambda left: not left, limit)
    return time.monotonic() - began


def tree(pid: int) -> list[int]:
    """A process and everything below it."""
    return [pid, *(below for child in _children_of(pid) for below in tree(child))]


def environment_of(pid: int) -> dict[str, str]:
    pairs = PROC.joinpath(str(pid), "environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def _children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in PROC.joinpath(str(pid), "task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _command(pid: int) -> list[str]:
    try:
        return PROC.joinpath(str(pid), "cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
