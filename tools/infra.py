"""`make test-infra`, `make e2e-pulumi`: pytest in an environment that has Pulumi's packages beside the project's own.

They are 356 MB and nothing else needs them, so they are in `.venv/infra`, made at the first call and whenever a lock file
or this recipe changed. What needs the engine itself is skipped, and says so, where there is no `pulumi` on PATH.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from installation import ROOT, VENV, Alone, say, stamped, write_stamp

FOLDER = VENV / "infra"
PYTHON = FOLDER / "bin" / "python"
# The SDK leaves event loops and sockets unclosed when the engine goes away in the middle of a program.
PYTEST = ["-m", "pytest", "-p", "no:unraisableexception"]
RECIPE = (ROOT / "infra" / "requirements.txt", ROOT / "tests" / "requirements.txt", Path(__file__).resolve())


def prepare() -> None:
    with Alone():
        if PYTHON.exists() and stamped(FOLDER, RECIPE):
            return
        say("installing Pulumi's packages")
        uv = str(VENV / "bin" / "uv")
        base = [uv, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, str(FOLDER)]  # pip: Pulumi asks it
        install = [uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--require-hashes"]
        files = [part for lock in RECIPE[:2] for part in ("-r", str(lock))]
        for command in (base, [*install, *files]):
            subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 — our own words
        write_stamp(FOLDER, RECIPE)


if __name__ == "__main__":
    prepare()
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), *PYTEST, *(sys.argv[1:] or ["tests/infra"])])  # noqa: S606 — pytest
