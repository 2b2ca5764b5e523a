"""`python -m runtime_grpc.generate`: make the messages anew from `protos/`. Needs grpcio-tools, which only tests install.

They stand twice: in `generated/` for the server, and in the typed client, which is installed without the platform. What was
made with is written beside them (`made-with.txt`); a test holds what is checked in against a fresh run.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROTOS = HERE / "protos"
GENERATED = (HERE / "generated", HERE.parent / "clients" / "runtime_client" / "generated")
MADE_WITH = "made-with.txt"
PROTO = "connectsoft/factory/runtime/v1/runtime.proto"


def generate(into: Path) -> None:
    """Write the messages, their types and the tool's version. Raises `CalledProcessError` for a proto that is wrong."""
    options = [f"--proto_path={PROTOS}", f"--python_out={into}", f"--pyi_out={into}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, PROTO], check=True)  # noqa: S603 - our own words
    (into / MADE_WITH).write_text(f"grpcio-tools {version('grpcio-tools')}\n")


if __name__ == "__main__":
    for folder in GENERATED:
        generate(folder)
