"""A document as columns of a table row, and back.

Columns: `doc` (JSON text) while it fits one property, else zlib bytes in `doc0`, `doc1`, …; `schema`, the number of the
shape it was written in; `commit`, the id of the commit that wrote it. The JSON is ASCII throughout, so that a length is a
length in every encoding and no character means anything to a multipart parser on the way.

What is older than the current schema is upgraded when it is read. What cannot be read (written by a newer release,
truncated, hand-edited) becomes an `Illegible` document: the row exists, has a version, and says `Unreadable` to whoever
looks inside. So a poison row neither passes as absent nor takes its neighbours with it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from shared.kernel.errors import Unreadable
from shared.store.limits import Column, Columns
from shared.store.port import MAX_DOCUMENT_BYTES, TooLarge

DOCUMENT = "doc"
SCHEMA = "schema"
COMMIT = "commit"

TEXT_CHARACTERS = 32 * 1024  # a string property: 64 KiB in UTF-16
CHUNK_BYTES = 64 * 1024  # a binary property
MAX_TEXT_CHARACTERS = 64 * 1024 * 1024  # before compression: what a reader is ready to inflate

Upgrade = Callable[[str, dict[str, Any]], dict[str, Any]]
"""(row key, document in schema n) -> document in schema n + 1. The key tells the kind of the record."""


class Illegible(Mapping[str, Any]):
    """The document of a row that cannot be read. Every look inside raises `Unreadable`."""

    def __init__(self, partition: str, key: str, reason: str) -> None:
        self.partition = partition
        self.key = key
        self.reason = reason  # for the alert; never a part of the stored text

    def _refuse(self) -> NoReturn:
        raise Unreadable(self.partition, self.key)

    def __getitem__(self, name: str) -> Any:
        self._refuse()

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def __len__(self) -> int:
        self._refuse()


class Packing:
    """How this release writes documents and which older ones it can read.

    Args:
        upgrades: from schema n to n + 1, for every n from 1 up to the current schema without it. None: schema 1.

    Raises:
        ValueError: the upgrades leave a gap.
    """

    def __init__(self, upgrades: Mapping[int, Upgrade] | None = None) -> None:
        self._upgrades = dict(upgrades or {})
        self.schema = len(self._upgrades) + 1
        if sorted(self._upgrades) != list(range(1, self.schema)):
            raise ValueError(f"upgrades must start at schema 1 and leave no gap: {sorted(self._upgrades)}")

    def pack(self, key: str, document: Mapping[str, Any], commit_id: str) -> Columns:
        """Columns for `document`.

        Raises:
            TooLarge: more than `MAX_DOCUMENT_BYTES` compressed.
            ValueError, TypeError: it is no JSON (NaN, a set, …).
            Unreadable: it is the document of an unreadable row, which nobody may write back.
        """
        text = json.dumps(dict(document), separators=(",", ":"), allow_nan=False)
        return {**_spread(key, text), SCHEMA: self.schema, COMMIT: commit_id}

    def unpack(self, partition: str, key: str, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        """The document in the current schema, a fresh one with each call; `Illegible` when that cannot be had."""
        try:
            return self._upgraded(key, columns)
        except Exception as error:  # one row, broken in whatever way, must not hide all others of a list
            return Illegible(partition, key, type(error).__name__)

    def _upgraded(self, key: str, columns: Mapping[str, Any]) -> dict[str, Any]:
        schema = columns[SCHEMA]
        if schema not in range(1, self.schema + 1):
            raise LookupError("schema of another release")
        document = json.loads(_text(columns))
        for number in range(schema, self.schema):
            document = self._upgrades[number](key, document)
        if not isinstance(document, dict):
            raise TypeError("not an object")
        return document


def _spread(key: str, text: str) -> dict[str, Column]:
    if len(text) <= TEXT_CHARACTERS:
        return {DOCUMENT: text}
    if len(text) > MAX_TEXT_CHARACTERS:
        raise TooLarge(key, len(text), MAX_TEXT_CHARACTERS)
    packed = zlib.compress(text.encode("ascii"))
    if len(packed) > MAX_DOCUMENT_BYTES:
        raise TooLarge(key, len(packed), MAX_DOCUMENT_BYTES)
    starts = range(0, len(packed), CHUNK_BYTES)
    return {f"{DOCUMENT}{index}": packed[start : start + CHUNK_BYTES] for index, start in enumerate(starts)}


def _text(columns: Mapping[str, Any]) -> str:
    if DOCUMENT in columns:
        return str(columns[DOCUMENT])
    packed = bytearray()
    while (chunk := columns.get(f"{DOCUMENT}{len(packed) // CHUNK_BYTES}")) is not None:
        packed += chunk
        if len(chunk) < CHUNK_BYTES:
            break
    inflater = zlib.decompressobj()
    raw = inflater.decompress(bytes(packed), MAX_TEXT_CHARACTERS)
    if not inflater.eof:
        raise ValueError("truncated, or larger than anything this release writes")
    return raw.decode("ascii")
