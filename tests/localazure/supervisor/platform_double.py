"""`up` with doubles for children, as a program of its own: signals and sessions are what is tested."""

import argparse
import sys
from pathlib import Path

from localazure.supervisor import Options, Trouble, up
from localazure.supervisor.child import ChildSpec
from localazure.supervisor.readiness import answers
from localazure.supervisor.settings import child_environment
from localazure.supervisor.table import platform

DOUBLE = Path(__file__).with_name("child_double.py")


def doubles(layout, root, environ):
    environment = child_environment(layout, environ)
    for name, port, after in (("services", layout.ports["control"], ()), ("host", layout.ports["api"], ("services",))):
        yield ChildSpec(
            name, [sys.executable, str(DOUBLE), str(port)], environment, answers(port, "/health", status=200), after
        )


def broken(layout, root, environ):
    command = [sys.executable, "-c", "import sys; sys.exit('entity counter is not emulated')"]
    return [ChildSpec("host", command, {}, answers(layout.ports["api"], "/health", status=200))]


def with_azurite(layout, root, environ):
    azurite = platform(layout, Path.cwd(), environ)[0]
    return [azurite, *doubles(layout, root, environ)]


COMPOSITIONS = {"doubles": doubles, "broken": broken, "azurite": with_azurite}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--reset", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--composition", choices=COMPOSITIONS, default="doubles")
    given = parser.parse_args()
    compose = COMPOSITIONS[given.composition]
    try:
        up(Options(given.data, given.root, given.port, given.reset, given.quick), compose=lambda *a: list(compose(*a)))
    except Trouble as trouble:
        sys.exit(f"localazure: {trouble}")
