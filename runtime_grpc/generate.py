"""`python -m runtime_grpc.generate`: make `generated/` anew from `protos/`. Needs grpcio-tools, which only tests install.

What was made with is written beside it (`generated/made-with.txt`); a test holds what is checked in against a fresh run.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROTOS, GENERATED = HERE / "protos", HERE / "generated"
MADE_WITH = "made-with.txt"
PROTO = "connectsoft/factory/runtime/v1/runtime.proto"


def generate(into: Path) -> None:
    """Write the messages, their types and the tool's version. Raises `CalledProcessError` for a proto that is wrong."""
    options = [f"--proto_path={PROTOS}", f"--python_out={into}", f"--pyi_out={into}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, PROTO], check=True)  # noqa: S603 - our own words
    (into / MADE_WITH).write_text(f"grpcio-tools {version('grpcio-tools')}\n")


if __name__ == "__main__":
    generate(GENERATED)
