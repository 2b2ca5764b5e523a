"""`make lock`: compile every requirements file anew, hashed, for all supported Pythons, without a registry's name.

The app, the local Azure and the tests are compiled jointly into tests/requirements.txt, whose pins then bind the smaller
sets, the provisioner's among them, so that no package has two versions in one repository.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
FLAGS = ["--universal", "--generate-hashes", "--no-emit-index-url", "--python-version", "3.11", "--quiet", "--upgrade"]
JOINT = "tests/requirements.txt"
INPUTS = ["requirements.in", "localazure/requirements.in", "tests/requirements.in"]


def main() -> None:
    compiled(INPUTS, JOINT)
    compiled(["requirements.in"], "requirements.txt", bound_by=JOINT)
    compiled(["requirements.in", "localazure/requirements.in"], "localazure/requirements.txt", bound_by=JOINT)
    compiled(["requirements.in", "infra/requirements.in"], "infra/requirements.txt", bound_by=JOINT)
    for name in ("uv", "node"):
        compiled([f"tools/{name}.in"], f"tools/{name}.txt")
    lock_npm = ["npm", "install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund"]
    subprocess.run(lock_npm, cwd=ROOT, check=True)  # noqa: S603 — npm of PATH


def compiled(inputs: list[str], output: str, bound_by: str | None = None) -> None:
    bound = ["-c", bound_by] if bound_by else []
    command = [str(UV), "pip", "compile", *FLAGS, *bound, *inputs, "-o", output]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 — our own words
    sys.stdout.write(f"{output}\n")


if __name__ == "__main__":
    main()
