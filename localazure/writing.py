"""Files that others read while they are written, or that hold secrets.

A file is replaced by a rename: readers see the old text or the new one, never half of either. It has its mode from the
first moment, so that others can at none read a secret.
"""

from __future__ import annotations

import os
from pathlib import Path

_EVERYBODY_READS, _OWNER_READS = 0o644, 0o600


def replace(path: Path, text: str) -> None:
    """Write a file that everybody may read. Raises `OSError`."""
    _replace(path, text, _EVERYBODY_READS)


def replace_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read. Raises `OSError`."""
    _replace(path, text, _OWNER_READS)


def _replace(path: Path, text: str, mode: int) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    draft.replace(path)
