"""The size of a page, as every list of runtime.proto takes it."""

from __future__ import annotations

from shared.kernel.errors import MalformedRequest

LARGEST = 500  # services of an environment: one page holds them all


def size_of(page_size: int) -> int:
    """0 is as many as there are, up to the largest page. Raises `MalformedRequest`."""
    if not 0 <= page_size <= LARGEST:
        raise MalformedRequest({"page_size": [f"must be from 0 to {LARGEST}"]})
    return page_size or LARGEST
