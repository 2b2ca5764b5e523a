"""What one run measured, as a page and a plot: the command and the machine stand beside every number.

The plot is on a logarithmic scale around 1.0, since twice and half are as far from the same.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks.ratio import Ratio

ROOT = Path(__file__).resolve().parent.parent
PAGE, PLOT = Path("docs/benchmarks.md"), Path("docs/images/benchmarks.svg")
LABELS, BARS, ROW, MARGIN = 470, 420, 26, 40  # pixels


def write(ratios: Sequence[Ratio], names: Sequence[str], root: Path = ROOT) -> None:
    """Replace the page and the plot below `root` by those of this run."""
    (root / PLOT).parent.mkdir(parents=True, exist_ok=True)
    (root / PAGE).write_text(page(ratios, names), encoding="utf-8")
    (root / PLOT).write_text(plot(ratios), encoding="utf-8")


def page(ratios: Sequence[Ratio], names: Sequence[str]) -> str:
    command = f'make bench ARGS="{" ".join(["--write", *names])}"'
    rows = "\n".join(
        f"| {one.subject} | {_figure(one.measured, one.unit)} | {one.baseline} | {_figure(one.against, one.unit)} "
        f"| **{one.times:.3g}** | {one.reads} |"
        for one in ratios
    )
    return f"""# Benchmarks

Ratios, both sides measured in one run on one machine; no test asserts any of them. This page and its plot are written by

```sh
{command}
```

the last one on {_machine()}. Absolute figures are that machine's, and of what else it
did meanwhile; compare ratios.

| Measured | | Against | | Ratio | Reads as |
|---|---|---|---|---|---|
{rows}

![The ratios of that run](images/{PLOT.name})

Without `--write` the same table is printed and nothing is written. `make bench ARGS="--help"` names the benchmarks; each
module in `benchmarks/` says what it compares, and why that is fair.
"""


def plot(ratios: Sequence[Ratio]) -> str:
    """An SVG: a bar a ratio, from 1.0 to the left or to the right."""
    reach = max((abs(math.log2(one.times)) for one in ratios if one.times > 0), default=1.0) or 1.0
    height, width = MARGIN + ROW * len(ratios) + 12, LABELS + BARS + 60
    middle = LABELS + BARS / 2
    drawn = "\n".join(_bar(one, MARGIN + ROW * index, middle, reach) for index, one in enumerate(ratios))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"
  role="img" font-family="system-ui, sans-serif" font-size="12">
<title>Ratios of one run, on a logarithmic scale</title>
<rect width="{width}" height="{height}" fill="#fff"/>
<text x="{middle}" y="24" text-anchor="middle" fill="#444">1.0, the same</text>
<line x1="{middle}" y1="32" x2="{middle}" y2="{height - 8}" stroke="#888"/>
{drawn}
</svg>
"""


def _bar(ratio: Ratio, top: float, middle: float, reach: float) -> str:
    length = BARS / 2 * (math.log2(ratio.times) / reach if ratio.times > 0 else -1.0)
    left = middle + min(length, 0.0)
    text = f"{ratio.subject} : {ratio.baseline}"
    return (
        f'<text x="{LABELS - 12}" y="{top + 14}" text-anchor="end" fill="#222">{escape(_short(text))}</text>'
        f'<rect x="{left:.1f}" y="{top + 3}" width="{max(abs(length), 1.0):.1f}" height="16" fill="#2b6cb0"/>'
        f'<text x="{LABELS + BARS + 8}" y="{top + 14}" fill="#222">{ratio.times:.3g}</text>'
    )


def _short(text: str, longest: int = 72) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _figure(value: float, unit: str) -> str:
    return f"{value:,.4g} {unit}".strip()


def _machine() -> str:
    busy = os.getloadavg()[1]  # of five minutes
    system = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({system}), whose load was {busy:.1f}"
