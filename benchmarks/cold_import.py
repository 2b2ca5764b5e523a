"""What a cold start imports: `function_app` against the two SDKs that every Durable Functions app imports.

A fresh interpreter each time, taking turns, CPU seconds of the process and not wall-clock, median of `RUNS`. Bytecode is
compiled once beforehand into a folder of this benchmark's own, as a deployed app has it; what stays is loading, building
classes (pydantic's models, dataclasses) and registering the functions. The baseline already holds werkzeug and aiohttp,
which the SDKs bring.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.ratio import Ratio, median

ROOT = Path(__file__).resolve().parent.parent
RUNS = 9
SDKS = "import azure.functions, azure.durable_functions"
RECORDS = f"{SDKS}; import pydantic; type('One', (pydantic.BaseModel,), {{}})"
APP = "import function_app"


def measure() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory(prefix="runtime-cloud-bytecode-") as folder:
        seconds = _taking_turns([SDKS, RECORDS, APP], _environment(folder))
    reads = "1.0 = our code costs nothing"
    yield Ratio("import function_app", seconds[APP], "the two SDKs alone", seconds[SDKS], "s CPU", reads)
    yield Ratio("import function_app", seconds[APP], "the SDKs and pydantic", seconds[RECORDS], "s CPU", reads)


def _environment(bytecode: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": bytecode}


def _taking_turns(codes: list[str], environment: Mapping[str, str]) -> dict[str, float]:
    for code in codes:
        _cpu_seconds(code, environment)  # compiles
    measured: dict[str, list[float]] = {code: [] for code in codes}
    for _ in range(RUNS):
        for code in codes:
            measured[code].append(_cpu_seconds(code, environment))
    return {code: median(values) for code, values in measured.items()}


def _cpu_seconds(code: str, environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)  # noqa: S603 - our own words
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
