"""The data folder: whose it is, who runs on it, what survives a start.

Invariants: one platform per folder. The lock is a `flock` on a file, inherited by every child, so that a supervisor that
was SIGKILLed leaves the folder locked until its last child has ended and no two Azurites ever write one database.
`--reset` removes only from a folder that carries our mark, and spares what was there before us.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import time
from pathlib import Path

from localazure.layout import LOOPBACK, draw_ports, write_by_rename
from localazure.supervisor.trouble import Trouble

_LOCK = "lock"
_MARK = ".localazure"
_ENDING_SECONDS = 6.0  # how long children of a killed supervisor may take to end


class DataFolder:
    """Opened and locked; `lock` is the descriptor children inherit."""

    def __init__(self, data: Path, lock: int) -> None:
        self.data = data
        self.lock = lock

    @classmethod
    def open(cls, data: Path, *, reset: bool) -> DataFolder:
        """Make, lock and mark the folder, and empty it first if asked. Raises `Trouble`."""
        existed = {entry.name for entry in data.iterdir()} if data.is_dir() else set()
        if data.exists() and not data.is_dir():
            raise Trouble(f"{data} is not a folder")
        data.mkdir(parents=True, exist_ok=True)
        folder = cls(data, _lock(data))
        if reset:
            folder._empty()
        if not (data / _MARK).exists():
            write_by_rename(data / _MARK, {"foreign": sorted(existed - {_LOCK})})
        (data / "logs").mkdir(exist_ok=True)
        return folder

    def _empty(self) -> None:
        try:
            foreign = set(json.loads((self.data / _MARK).read_text())["foreign"])
        except FileNotFoundError:
            return  # never one of ours: nothing in it is ours to remove
        for entry in self.data.iterdir():
            if entry.name in foreign | {_LOCK, _MARK}:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def keep_ports(self, api: int | None) -> dict[str, int]:
        """The folder's ports, kept for the next start, all of them free now. Raises `Trouble`."""
        path = self.data / "ports.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        ports = draw_ports(kept, api)
        deadline = time.monotonic() + (_ENDING_SECONDS if kept else 0.0)
        while taken := _taken(ports):
            if time.monotonic() > deadline:
                name, port = taken
                hint = "choose another with --port" if name == "api" else "end what uses it, or start with --reset"
                raise Trouble(f"port {port} ({name}) is in use: {hint}")
            time.sleep(0.1)
        write_by_rename(path, ports)
        return ports

    def close(self) -> None:
        os.close(self.lock)


def _lock(data: Path) -> int:
    """Raises `Trouble` when another platform runs on the folder."""
    lock = os.open(data / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _ENDING_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode().strip()
            if _alive(holder) or time.monotonic() > deadline:
                os.close(lock)
                raise Trouble(f"already running on {data} (process {holder or 'unknown'})") from None
            time.sleep(0.1)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _taken(ports: dict[str, int]) -> tuple[str, int] | None:
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return name, port
    return None
