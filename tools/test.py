"""`make test`: what needs no platform of its own in parallel, then, one after the other, what starts whole platforms, or
browsers.

Gates and sweeps of a platform run on seconds; beside other tests on two cores they would measure the machine. Arguments go
to pytest; with any, one plain run takes them. A test that failed is run once more by itself: if it passes then, it is named
as unsteady, which is a defect to be mended, and does not hide among the others.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest"]
# Each starts the whole local platform, or a browser.
ALONE = ["tests/docs/test_start.py", "tests/e2e", "tests/grpc/test_platform.py", "tests/resilience", "tests/ui"]
FAILED_TESTS, NO_TESTS = 1, 5  # pytest's exit codes
PARALLEL = ["-n", "3", "--dist", "loadgroup"]
PHASES = {
    "in parallel": [*PARALLEL, *[f"--ignore={path}" for path in ALONE]],
    "platforms and browsers": ALONE,
}


def main(arguments: list[str]) -> int:
    if arguments:
        return run(arguments)
    codes = [phase(name, options) for name, options in PHASES.items()]
    return max(codes)


def phase(name: str, options: list[str]) -> int:
    """Run a phase, and what failed in it once more by itself; its exit code."""
    sys.stdout.write(f"== tests: {name}\n")
    sys.stdout.flush()
    code = run(["-q", *options])
    if code != FAILED_TESTS:
        return code
    sys.stdout.write("== what failed, once more by itself; what passes now is unsteady\n")
    sys.stdout.flush()
    again = run(["-q", "--last-failed", "--last-failed-no-failures=none", *[one for one in options if one not in PARALLEL]])
    return code if again == NO_TESTS else again  # what could not even be collected failed in no test


def run(options: list[str]) -> int:
    return subprocess.run([*PYTEST, *options], cwd=ROOT, check=False).returncode  # noqa: S603 - our own words


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
