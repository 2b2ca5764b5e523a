"""`make setup`: finds a Python that the project supports and lets it do the work (`installation.py`).

Parses on Python 3.6, so that an old one ends with a clear line and not with a syntax error.

    python3 tools/setup.py [-- ARGUMENTS OF .venv/bin/python]
"""

import os
import shutil
import sys

SUPPORTED = ((3, 11), (3, 12), (3, 13))


def suitable() -> str:
    """This Python, or the newest supported one on PATH."""
    if sys.version_info[:2] in SUPPORTED:
        return sys.executable
    for major, minor in reversed(SUPPORTED):
        found = shutil.which(f"python{major}.{minor}")
        if found:
            return found
    this = sys.version.split()[0]
    sys.exit(f"setup: Python 3.11, 3.12 or 3.13 is needed, and this is {this}: put one on PATH")


if __name__ == "__main__":
    python = suitable()
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "installation.py")
    os.execv(python, [python, script, *sys.argv[1:]])  # noqa: S606 — a Python of PATH
