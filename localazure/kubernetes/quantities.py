"""Quantities of the Kubernetes API (`250m`, `1Gi`, `65`) as numbers, and numbers as quantities."""

from __future__ import annotations

import math
import re
from typing import Any

_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)([eE][+-]?\d+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_DECIMAL = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {name: 1024.0**power for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"), start=1)}


def number_of(quantity: Any) -> float:
    """Raises `ValueError` for what is no quantity."""
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        raise ValueError(f"{quantity!r} is no quantity")
    factor = {**_DECIMAL, **_BINARY}.get(found[3], 1.0)
    return float(found[1] + (found[2] or "")) * factor


def quantity_of(number: float) -> str:
    """To a thousandth, rounded up, as the API keeps what is finer."""
    thousandths = math.ceil(round(number * 1000, 3))
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"
