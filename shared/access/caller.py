"""Who is asking, as the verified token says it. Nothing a caller writes into a body, header or path gets in here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    tenant_id: str
    subject: str
    client_id: str
    scopes: frozenset[str]
    trace_id: str
