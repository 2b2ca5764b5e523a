"""Table Storage as an auditor reads it: the platform's rows through the real client, beside its API."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from azure.data.tables import TableClient

TABLE = "runtime"


class Rows:
    """Reads whole partitions; `tenant_id` must be one that the keys do not escape (letters, digits, dashes)."""

    def __init__(self, connection: str) -> None:
        self._table = TableClient.from_connection_string(connection, TABLE)

    def close(self) -> None:
        self._table.close()

    def partitions(self, tenant_id: str) -> dict[str, dict[str, Any]]:
        """partition -> row key -> document, of everything that the tenant has."""
        bounds = {"low": f"{tenant_id}|", "high": f"{tenant_id}}}"}
        found: dict[str, dict[str, Any]] = {}
        for row in self._table.query_entities("PartitionKey ge @low and PartitionKey lt @high", parameters=bounds):
            found.setdefault(row["PartitionKey"], {})[row["RowKey"]] = _document(row)
        return found

    def of_environment(self, tenant_id: str, environment_id: str) -> dict[str, Any]:
        """row key -> document."""
        return self.partitions(tenant_id).get(f"{tenant_id}|{environment_id}", {})

    def log(self, tenant_id: str) -> list[Any]:
        """Every log entry of a tenant, oldest first."""
        rows = self.partitions(tenant_id).values()
        entries = [document for keyed in rows for key, document in keyed.items() if key.startswith("log-")]
        return sorted(entries, key=lambda entry: entry["at"])


def _document(row: Mapping[str, Any]) -> Any:
    if "doc" in row:
        return json.loads(row["doc"])
    chunks = sorted((name for name in row if name.startswith("doc")), key=lambda name: int(name[3:]))
    return json.loads(zlib.decompress(b"".join(bytes(row[name]) for name in chunks)))
