"""Conditional requests (RFC 9110 §13) on strong ETags of our own.

An ETag is the hash of the rendered body: equal bytes, equal tag, whichever instance rendered them. The table's weak ETags
stay inside: under `If-Match`'s strong comparison they would never match.
"""

from __future__ import annotations

import hashlib
import re

from shared.kernel.errors import MalformedRequest, PreconditionFailed

DIGITS = 32  # hex: 128 bits
MAX_FIELD = 4096  # characters

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_LIST = re.compile(rf"{_TAG.pattern}(?:[ \t]*,[ \t]*{_TAG.pattern})*")


def etag_of(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:DIGITS]}"'


def is_not_modified(if_none_match: str | None, etag: str) -> bool:
    """Whether the answer is 304: the caller's copy is current, by weak comparison. Raises `MalformedRequest`."""
    if if_none_match is None:
        return False
    tags = _tags("If-None-Match", if_none_match)
    return tags is None or any(tag == etag for _, tag in tags)


def require_match(if_match: str | None, etag: str | None) -> None:
    """Raise `PreconditionFailed` unless `if_match` names the current state, by strong comparison.

    `etag` is None when nothing is there: then no `If-Match` can hold. Raises `MalformedRequest` for a bad field.
    """
    if if_match is None:
        return
    tags = _tags("If-Match", if_match)
    holds = etag is not None and (tags is None or any(not weak and tag == etag for weak, tag in tags))
    if not holds:
        raise PreconditionFailed


def _tags(name: str, value: str) -> list[tuple[bool, str]] | None:
    """The (weak, tag) pairs of a field; None for `*`."""
    value = value.strip(" \t")
    if value == "*":
        return None
    if len(value) > MAX_FIELD or not _LIST.fullmatch(value):
        raise MalformedRequest({name: ["must be * or a list of quoted entity tags"]})
    return [(bool(found[1]), found[2]) for found in _TAG.finditer(value)]
