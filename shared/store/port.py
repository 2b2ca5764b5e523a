"""The only way to state.

A partition is the unit of consistency: everything of one environment shares one, and one commit changes it atomically,
the change, its log row and its event together. What an adapter must do is written here and proved by one suite that runs
on all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.kernel.errors import RuntimeCloudError

MAX_CHANGES = 100  # an entity group transaction, Table service limits
MAX_COMMIT_BYTES = 4 * 1024 * 1024  # likewise
MAX_DOCUMENT_BYTES = 900 * 1024  # packed; an entity is at most 1 MiB


@dataclass(frozen=True)
class Row:
    """A stored document. `version` is opaque and changes with every write; it never leaves the process."""

    key: str
    document: Mapping[str, Any]
    version: str


@dataclass(frozen=True)
class Create:
    key: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Replace:
    key: str
    document: Mapping[str, Any]
    version: str


@dataclass(frozen=True)
class Put:
    """Create or replace, whatever stands there: for projections, where the last writer is as good as any."""

    key: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Delete:
    key: str
    version: str


Change = Create | Replace | Put | Delete


class Conflict(RuntimeCloudError):
    """A row of the commit exists already, is gone, or has another version. Nothing was written."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class TooLarge(RuntimeCloudError):
    """A document or a commit beyond the Table service's limits. Nothing was written."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(what, size, limit)
        self.what = what
        self.size = size
        self.limit = limit


class Store(Protocol):
    """Every method raises `Transient("tables")` when the store cannot be asked; then nothing is known."""

    async def get(self, partition: str, key: str) -> Row | None:
        """Read one row; None when it is absent."""

    async def gather(self, partition: str, keys: Sequence[str]) -> dict[str, Row]:
        """Read several rows of a partition in one round trip (up to 15 keys at a time); absent ones are left out."""

    async def list(self, partition: str, prefix: str, *, limit: int, after: str = "") -> Sequence[Row]:
        """Read up to `limit` rows whose key starts with `prefix`, in key order, after the key `after`."""

    async def commit(self, partition: str, commit_id: str, changes: Sequence[Change]) -> None:
        """Apply all `changes` or none, each row at most once, in one transaction.

        Idempotent by `commit_id`: a commit whose acknowledgement was lost is recognised when it is sent again, and is
        no conflict. Raises `Conflict` with the first row that stands in the way, `TooLarge` beyond a limit.
        """
