"""What the Table service refuses, checked before anything is sent and alike in the in-memory twin.

Keys are stricter than the service's own rule: printable ASCII, so that ordinal order is the same everywhere, and no `%`,
which the real service compares after decoding. A key that cannot be stored is a mistake of the caller when it is written
(`ValueError`) and simply absent when it is read: ids from a URL reach the store unseen.

Source: "Understanding the Table service data model" and "Performing entity group transactions", Microsoft Learn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from shared.store.port import MAX_CHANGES, MAX_COMMIT_BYTES, Change, TooLarge

Column = str | int | bytes
Columns = dict[str, Column]

MAX_KEY_LENGTH = 512  # 1 KiB in UTF-16; Azurite refuses more, too
OPERATION_BYTES = 800  # boundary, part and request headers, and the account's address of one operation of a `$batch`
ENVELOPE_BYTES = 600  # the boundaries and headers around all operations

_KEY = re.compile(rf"[ -~]{{1,{MAX_KEY_LENGTH}}}")
_FORBIDDEN = re.compile(r"[/\\#?%]")


def is_key(text: str) -> bool:
    """Whether `text` can be a partition or row key here."""
    return _KEY.fullmatch(text) is not None and _FORBIDDEN.search(text) is None


def check_changes(partition: str, commit_id: str, changes: Sequence[Change]) -> None:
    """Raise `ValueError` for a key that cannot be stored, an empty commit id or a row named twice, and `TooLarge` for more
    than `MAX_CHANGES` changes."""
    if not commit_id:
        raise ValueError("a commit needs an id")
    keys = [change.key for change in changes]
    for key in (partition, *keys):
        if not is_key(key):
            raise ValueError(f"not a key of the Table service: {key!r}")
    if len(set(keys)) < len(keys):
        raise ValueError(f"a row is named twice in one commit: {sorted(keys)}")
    if len(keys) > MAX_CHANGES:
        raise TooLarge("changes", len(keys), MAX_CHANGES)


def check_wire_size(partition: str, rows: Mapping[str, Columns]) -> None:
    """Raise `TooLarge` when the transaction of these rows, by key, would be 4 MiB or more as it is sent."""
    size = ENVELOPE_BYTES + sum(_operation_bytes(partition, key, columns) for key, columns in rows.items())
    if size >= MAX_COMMIT_BYTES:
        raise TooLarge("commit", size, MAX_COMMIT_BYTES)


def _operation_bytes(partition: str, key: str, columns: Mapping[str, Column]) -> int:
    # Keys stand in the URL, where an escaped character takes three, and once more in the body.
    keys = 4 * (len(partition) + len(key))
    return OPERATION_BYTES + keys + sum(_column_bytes(name, value) for name, value in columns.items())


def _column_bytes(name: str, value: Column) -> int:
    if isinstance(value, bytes):  # base64, and its type beside it
        return 2 * len(name) + 4 * ((len(value) + 2) // 3) + len('"":"","@odata.type":"Edm.Binary",')
    # The document is JSON inside JSON: quotes and backslashes are escaped again.
    return 2 * len(name) + len(json.dumps(value)) + len('"":,"@odata.type":"Edm.String",')
