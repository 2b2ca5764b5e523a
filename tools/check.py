"""`make check`: what CI runs. Every step runs, also after one that failed; the tests come last, the longest at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOL = [sys.executable, "-m"]
BIN = Path(sys.executable).parent
MAKE = os.environ.get("MAKE", "make")
STEPS = {
    "ruff check": [*TOOL, "ruff", "check", "."],
    "ruff format": [*TOOL, "ruff", "format", "--check", "."],
    "mypy": [*TOOL, "mypy"],
    "import-linter": [str(BIN / "lint-imports")],
    "infrastructure": [MAKE, "test-infra"],
    "tests": [MAKE, "test"],
}


def main() -> int:
    failed = []
    for name, command in STEPS.items():
        started = time.monotonic()
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        if subprocess.run(command, cwd=ROOT, check=False).returncode:  # noqa: S603 — the table above
            failed.append(name)
        sys.stderr.write(f"== {name}: {'failed' if name in failed else 'passed'} in {time.monotonic() - started:.0f} s\n")
    if failed:
        sys.stderr.write(f"check failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
