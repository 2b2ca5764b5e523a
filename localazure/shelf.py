"""What the stand-ins must not forget when they are killed: JSON documents on disk, one SQLite file, one table.

Every write is its own transaction and is on disk (WAL, synchronous NORMAL: survives SIGKILL) before the call returns.
Calls are synchronous and take well below a millisecond; they may be made on the event loop.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Shelf:
    """Documents by (kind, key). A kind belongs to one stand-in ("arm.resource", "bus.message", …)."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.execute(
            "create table if not exists documents(kind text, key text, body text, primary key(kind, key)) without rowid"
        )

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        row = self._db.execute("select body from documents where kind=? and key=?", (kind, key)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, kind: str, key: str, document: Mapping[str, Any]) -> None:
        self._db.execute("insert or replace into documents values(?,?,?)", (kind, key, json.dumps(document)))

    def delete(self, kind: str, key: str) -> None:
        self._db.execute("delete from documents where kind=? and key=?", (kind, key))

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Every document of a kind, by key, in key order."""
        rows = self._db.execute("select key, body from documents where kind=? order by key", (kind,))
        return {key: json.loads(body) for key, body in rows}

    def close(self) -> None:
        self._db.close()
