"""The platform's own secrets: drawn at the first start on a folder, the same ever after.

The supervisor draws all of them before any child starts; children only read.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from localazure.writing import replace_private

SIGNING_KEY, IDENTITY_HEADER, CLUSTER_TOKEN = "signingKey", "identityHeader", "clusterToken"
PROBE_SECRET = "isolationProbe"  # noqa: S105 - the name of one
_NAMES = (SIGNING_KEY, IDENTITY_HEADER, CLUSTER_TOKEN, PROBE_SECRET)


def draw_secrets(data: Path) -> None:
    """Draw what is missing: 64 random hex digits each, in a file that only its owner reads."""
    path = _path(data)
    kept = json.loads(path.read_text()) if path.exists() else {}
    if missing := [name for name in _NAMES if name not in kept]:
        replace_private(path, json.dumps({**kept, **{name: secrets.token_hex(32) for name in missing}}))


def secret(data: Path, name: str) -> str:
    """Raises `FileNotFoundError` before the first `draw_secrets`."""
    return str(json.loads(_path(data).read_text())[name])


def _path(data: Path) -> Path:
    return data / "secrets.json"
