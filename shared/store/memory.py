"""The in-memory twin of the table: same errors, same limits, same round trip, for tests without sockets.

Rows are kept as the columns the table would hold, so that packing, schema upgrades and unreadable rows are the same code.
A repeated commit is recognised as the table does it: by a row that still carries its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from shared.store.limits import Columns, check_changes, check_wire_size
from shared.store.packing import COMMIT, Packing, Upgrade
from shared.store.port import Change, Conflict, Delete, Row
from shared.store.settling import Standing, first_in_the_way, has_landed


@dataclass(frozen=True)
class _Stored:
    columns: Columns
    version: str


class MemoryStore:
    """A `Store` in this process. `upgrades` as in `Packing`."""

    def __init__(self, upgrades: Mapping[int, Upgrade] | None = None) -> None:
        self._packing = Packing(upgrades)
        self._partitions: dict[str, dict[str, _Stored]] = {}
        self._versions = count(1)

    async def get(self, partition: str, key: str) -> Row | None:
        stored = self._partitions.get(partition, {}).get(key)
        return None if stored is None else self._row(partition, key, stored)

    async def gather(self, partition: str, keys: Sequence[str]) -> dict[str, Row]:
        rows = self._partitions.get(partition, {})
        return {key: self._row(partition, key, rows[key]) for key in keys if key in rows}

    async def list(self, partition: str, prefix: str, *, limit: int, after: str = "") -> Sequence[Row]:
        rows = self._partitions.get(partition, {})
        keys = sorted(key for key in rows if key.startswith(prefix) and key > after)
        return [self._row(partition, key, rows[key]) for key in keys[: max(limit, 0)]]

    async def commit(self, partition: str, commit_id: str, changes: Sequence[Change]) -> None:
        check_changes(partition, commit_id, changes)
        columns = {change.key: self._columns(change, commit_id) for change in changes}
        check_wire_size(partition, columns)
        rows = self._partitions.setdefault(partition, {})
        standing = {
            change.key: Standing(rows[change.key].version, str(rows[change.key].columns.get(COMMIT)))
            for change in changes
            if change.key in rows
        }
        obstacle = first_in_the_way(changes, standing)
        if obstacle is None:
            self._apply(rows, changes, columns)
        elif not has_landed(commit_id, changes, standing):
            raise Conflict(obstacle)

    async def close(self) -> None:
        """Nothing is open."""

    def plant(self, partition: str, key: str, columns: Columns) -> None:
        """Put a row there as another release, or a person, may have left it. For tests."""
        self._partitions.setdefault(partition, {})[key] = _Stored(dict(columns), str(next(self._versions)))

    def _columns(self, change: Change, commit_id: str) -> Columns:
        return {} if isinstance(change, Delete) else self._packing.pack(change.key, change.document, commit_id)

    def _apply(self, rows: dict[str, _Stored], changes: Sequence[Change], columns: Mapping[str, Columns]) -> None:
        for change in changes:
            if isinstance(change, Delete):
                del rows[change.key]
            else:
                rows[change.key] = _Stored(columns[change.key], str(next(self._versions)))

    def _row(self, partition: str, key: str, stored: _Stored) -> Row:
        return Row(key, self._packing.unpack(partition, key, stored.columns), stored.version)
