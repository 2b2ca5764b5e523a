"""What the platform asked of its dependencies, counted per method, path and status.

Kept in memory while the stand-ins run. Bounded: past `ROWS` different rows a dependency's further ones are counted
under the path `OTHER`, so that a long run cannot eat the machine.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

ROWS = 20_000
OTHER = "(other)"


class Traffic:
    """Counts by dependency; the path comes without its query."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[tuple[str, str, int]]] = defaultdict(Counter)

    def count(self, dependency: str, method: str, path: str, status: int) -> None:
        counts, row = self._counts[dependency], (method, path, status)
        if row not in counts and len(counts) >= ROWS:
            row = (method, OTHER, status)
        counts[row] += 1

    def document(self) -> dict[str, list[dict[str, Any]]]:
        """`GET /traffic`, in the order in which each row was first seen."""
        return {
            dependency: [
                {"method": method, "path": path, "status": status, "count": count}
                for (method, path, status), count in counts.items()
            ]
            for dependency, counts in self._counts.items()
        }
