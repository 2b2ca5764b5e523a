"""What is counted, as log lines that telemetry turns into numbers: `metric`, `value` and `dimensions` beside the text.

A metric that is nobody's failure to handle still tells that something needs a person: those are `raised`.
"""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


def count(metric: str, *, raised: bool = False, **dimensions: str) -> None:
    """One more of it. `raised`: at the level that alerts look for."""
    told = ", ".join(f"{name} {value}" for name, value in dimensions.items())
    level = logging.ERROR if raised else logging.INFO
    log.log(level, "%s: %s", metric, told, extra={"metric": metric, "value": 1, "dimensions": dimensions})
