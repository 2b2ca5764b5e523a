"""`python -m tests.settle.launcher up --data D …`: the local platform, its host and its stand-ins run through `crashing`.

What else differs from `python -m localazure up --quick`: only the children that the flows need run, and the sweeps over
health and drift sleep: what they write has no part in the flows and would come at other moments in every run.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from localazure.cli import ROOT
from localazure.layout import Layout
from localazure.supervisor import Options, up
from localazure.supervisor.child import ChildSpec
from localazure.supervisor.table import platform
from tests.settle.crashing import FOLDER

NEVER = "0 0 0 1 1 *"
NEEDED, WATCHED = ("azurite", "services", "host"), ("services", "host")


def crashing(layout: Layout, root: Path, environ: Mapping[str, str]) -> Sequence[ChildSpec]:
    needed = [spec for spec in platform(layout, root, environ) if spec.name in NEEDED]
    return [_through_crashing(spec) if spec.name in WATCHED else spec for spec in needed]


def _through_crashing(spec: ChildSpec) -> ChildSpec:
    python, flag, *module = spec.command
    return replace(spec, command=[python, flag, "tests.settle.crashing", *module])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["up"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(sys.argv[1:])
    folder = options.data.resolve() / "settle"
    folder.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, FOLDER: str(folder), "HEALTH_SCHEDULE": NEVER, "DRIFT_SCHEDULE": NEVER}
    up(Options(options.data.resolve(), ROOT, options.port, quick=options.quick), environ, compose=crashing)


if __name__ == "__main__":
    main()
