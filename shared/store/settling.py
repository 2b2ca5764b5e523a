"""Whether a refused commit is a lost race or our own success whose acknowledgement got lost.

A transaction is atomic, so one row that carries the commit's id proves that all of it was applied. A commit that only
deletes leaves no row behind: it counts as done when all its rows are gone, whoever deleted them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.store.port import Change, Create, Delete, Put


@dataclass(frozen=True)
class Standing:
    """What stands in the table at a key now."""

    version: str
    commit_id: str


def has_landed(commit_id: str, changes: Sequence[Change], standing: Mapping[str, Standing]) -> bool:
    """Whether the commit was applied, as far as the rows that stand at its keys tell."""
    if all(isinstance(change, Delete) for change in changes):
        return not any(change.key in standing for change in changes)
    return any(
        not isinstance(change, Delete) and change.key in standing and standing[change.key].commit_id == commit_id
        for change in changes
    )


def first_in_the_way(changes: Sequence[Change], standing: Mapping[str, Standing]) -> str | None:
    """The key of the first change whose condition does not hold; None when all do."""
    return next((change.key for change in changes if not _holds(change, standing.get(change.key))), None)


def _holds(change: Change, standing: Standing | None) -> bool:
    if isinstance(change, Put):
        return True
    if isinstance(change, Create):
        return standing is None
    return standing is not None and standing.version == change.version
