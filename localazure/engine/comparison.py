"""How a resource that stands differs from the body it was made with.

Compared is what the body names: what Azure adds by itself is no difference. Stamps are written at creation and never again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

STAMPS = frozenset({"tags.cs-operation-id", "tags.cs-attempt"})


def differing(wanted: Any, standing: Any, loose: frozenset[str], path: str = "") -> Iterator[str]:
    """Paths, in the order of the body: `properties.sku.name`, `properties.rules[0].port`."""
    if path in loose | STAMPS:
        return
    if isinstance(wanted, Mapping) and isinstance(standing, Mapping):
        for name, inner in wanted.items():
            yield from differing(inner, standing.get(name), loose, f"{path}.{name}" if path else name)
    elif isinstance(wanted, list) and isinstance(standing, list) and len(wanted) == len(standing):
        for number, (one, other) in enumerate(zip(wanted, standing, strict=True)):
            yield from differing(one, other, loose, f"{path}[{number}]")
    elif wanted != standing:
        yield path


def restored(wanted: Any, standing: Any, loose: frozenset[str], path: str = "") -> Any:
    """The body that brings a resource back: what somebody else decides on, as it stands; its stamps, too."""
    if path in loose | STAMPS:
        return wanted if standing is None else standing
    if isinstance(wanted, Mapping) and isinstance(standing, Mapping):
        inside = wanted.items()
        return {
            name: restored(inner, standing.get(name), loose, f"{path}.{name}" if path else name) for name, inner in inside
        }
    if isinstance(wanted, list) and isinstance(standing, list) and len(wanted) == len(standing):
        pairs = enumerate(zip(wanted, standing, strict=True))
        return [restored(one, other, loose, f"{path}[{number}]") for number, (one, other) in pairs]
    return wanted
