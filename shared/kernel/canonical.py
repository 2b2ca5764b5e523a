"""One text and one hash for one document, whatever order its members came in."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(document: Any) -> str:
    """Hex SHA-256 of the canonical text."""
    return hashlib.sha256(canonical(document)).hexdigest()
