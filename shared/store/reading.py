"""Rows as records: what no version of a record type can read is one row, quarantined, with an alert.

The alert is one log line of level ERROR with `alert: unreadable-row` and where the row is. It names fields and kinds of
mistakes, never a stored value.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TypeVar

from pydantic import ValidationError

from shared.kernel.errors import Unreadable
from shared.kernel.record import Record
from shared.store.packing import Illegible
from shared.store.port import Row

R = TypeVar("R", bound=Record)

_log = logging.getLogger(__name__)
_NAMED_MISTAKES = 5


def read(record_type: type[R], partition: str, row: Row) -> R:
    """`row` as a `record_type`. Raises `Unreadable`, after one alert."""
    if isinstance(row.document, Illegible):
        raise _alerted(record_type, partition, row, row.document.reason)
    try:
        return record_type.read(row.document)
    except ValidationError as error:
        raise _alerted(record_type, partition, row, _mistakes(error)) from None  # its text would quote stored values


def read_all(record_type: type[R], partition: str, rows: Iterable[Row]) -> list[R]:
    """`rows` as records, in their order; unreadable ones are left out, each with an alert."""
    records = []
    for row in rows:
        try:
            records.append(read(record_type, partition, row))
        except Unreadable:
            continue  # `read` has raised the alert
    return records


def _mistakes(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return ", ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in found[:_NAMED_MISTAKES])


def _alerted(record_type: type[Record], partition: str, row: Row, reason: str) -> Unreadable:
    where = {"alert": "unreadable-row", "partition": partition, "rowKey": row.key, "record": record_type.__name__}
    _log.error("Unreadable row %s in %s: %s", row.key, partition, reason, extra=where)
    return Unreadable(partition, row.key)
