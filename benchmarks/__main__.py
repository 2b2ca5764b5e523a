"""`python -m benchmarks [--write] [NAME …]`: measure, print one table; `--write` makes docs/benchmarks.md of it.

Names: import, deployment, drift, grpc, page, probes, writes, beside, requests, orchestration.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Mapping

from rich.console import Console
from rich.table import Table

from benchmarks import (
    beside_sweeps,
    cold_import,
    deployment_cpu,
    drift_sweep,
    grpc,
    health_probes,
    health_requests,
    health_writes,
    orchestration,
    page,
    report,
)
from benchmarks.platform import Platform, serving
from benchmarks.ratio import Ratio


def _requests(platform: Platform) -> Iterator[Ratio]:
    return health_requests.measure(platform, platform.service_with_health())


ALONE: Mapping[str, Callable[[], Iterator[Ratio]]] = {
    "import": cold_import.measure,
    "deployment": deployment_cpu.measure,
    "drift": drift_sweep.measure,
    "grpc": grpc.measure,
    "page": page.measure,
    "probes": health_probes.measure,
    "writes": health_writes.measure,
    "beside": beside_sweeps.measure,
}
ON_PLATFORM: Mapping[str, Callable[[Platform], Iterator[Ratio]]] = {
    "requests": _requests,
    "orchestration": orchestration.measure,
}


def measured(names: list[str], console: Console) -> Iterator[Ratio]:
    for name in (name for name in names if name in ALONE):
        with console.status(f"{name} …"):
            yield from ALONE[name]()
    on_platform = [name for name in names if name in ON_PLATFORM]
    with contextlib.ExitStack() as stack:
        if not on_platform:
            return
        with console.status("starting the platform …"):
            platform = stack.enter_context(serving())
        for name in on_platform:
            with console.status(f"{name} …"):
                yield from ON_PLATFORM[name](platform)


def table(ratios: list[Ratio]) -> Table:
    shown = Table("measured", "", "against", "", "ratio", "reads as", title="Ratios of one run; nothing is asserted")
    for ratio in ratios:
        shown.add_row(
            ratio.subject,
            f"{ratio.measured:,.4g} {ratio.unit}",
            ratio.baseline,
            f"{ratio.against:,.4g} {ratio.unit}",
            f"{ratio.times:.3g}",
            ratio.reads,
        )
    return shown


def main() -> None:
    known = [*ALONE, *ON_PLATFORM]
    parser = argparse.ArgumentParser(prog="benchmarks", description="Ratios in one run, printed, never asserted.")
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(known)}; all of them when none is named")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its plot, too")
    options = parser.parse_args()
    names = options.names or known
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no benchmark {', '.join(unknown)}: there are {', '.join(known)}")
    console = Console(width=max(Console().width, 120))
    ratios = list(measured(names, console))
    console.print(table(ratios))
    if options.write:
        report.write(ratios, options.names)


if __name__ == "__main__":
    main()
