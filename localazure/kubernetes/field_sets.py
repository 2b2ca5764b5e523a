"""Sets of fields: which parts of an object somebody owns, in memory as paths and on the wire as `fieldsV1`.

A path is a tuple of the elements of fieldsV1: `f:<field>`, `k:{<keys of a list item>}`, `v:<item of a set>`. A set holds
the leaves (scalars, empty and atomic containers) and the list items themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from localazure.kubernetes.schema import Names, is_atomic_map, is_set, item_fields, keys_of

Path = tuple[str, ...]

ITEM: Final = "\0item"  # the value of a list item as such; its fields have paths of their own

# What the API server itself keeps; nobody owns it.
_UNOWNED = {("f:apiVersion",), ("f:kind",)} | {
    ("f:metadata", f"f:{name}")
    for name in (
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
    )
}


def fields_of(document: Mapping[str, Any]) -> dict[Path, Any]:
    """Every ownable path of an object with its value."""
    return dict(_walk(document, (), ()))


def _walk(value: Any, path: Path, names: Names) -> Iterator[tuple[Path, Any]]:
    if path[:2] in _UNOWNED or path in _UNOWNED:
        return
    if isinstance(value, Mapping) and value and not is_atomic_map(names):
        for name, inner in value.items():
            yield from _walk(inner, (*path, f"f:{name}"), (*names, name))
    elif isinstance(value, list) and value and names and is_set(names):
        for inner in value:
            yield (*path, f"v:{json.dumps(inner)}"), ITEM
    elif isinstance(value, list) and value and names and (keys := keys_of(names)):
        for inner in value:
            yield from _walk_item(inner, path, names, keys)
    elif path:
        yield path, value


def _walk_item(item: Any, path: Path, names: Names, keys: Names) -> Iterator[tuple[Path, Any]]:
    if not isinstance(item, Mapping):
        return
    place = (*path, f"k:{json.dumps(item_fields(item, keys), separators=(',', ':'), sort_keys=True)}")
    yield place, ITEM
    for name, inner in item.items():
        yield from _walk(inner, (*place, f"f:{name}"), (*names, name))


def to_wire(paths: Iterable[Path]) -> dict[str, Any]:
    """`fieldsV1`."""
    root: dict[str, Any] = {}
    chosen = set(paths)
    for path in sorted(chosen):
        node = root
        for element in path:
            node = node.setdefault(element, {})
    for path in chosen:
        node = root
        for element in path:
            node = node[element]
        if node or path[-1].startswith("k:"):
            node["."] = {}
    return root


def from_wire(fields: Mapping[str, Any], path: Path = ()) -> set[Path]:
    if not fields:
        return {path} if path else set()
    found: set[Path] = set()
    for element, inner in fields.items():
        if element == ".":
            found.add(path)
        else:
            found |= from_wire(inner, (*path, element))
    return found


def remove(document: dict[str, Any], path: Path) -> None:
    """Take the field or item away, and the containers that are empty afterwards. Absent is fine."""
    trail: list[tuple[Any, Any]] = []
    node: Any = document
    for element in path:
        place = _locate(node, element)
        if place is None:
            return
        trail.append((node, place))
        node = node[place]
    for step, (container, place) in enumerate(reversed(trail)):
        if step and container[place]:
            return
        del container[place]


def is_key(path: Path) -> bool:
    """Whether the path is one of the fields that tell its list item apart."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1].removeprefix("f:") in json.loads(path[-2][2:])


def _locate(node: Any, element: str) -> Any:
    mark, text = element[:2], element[2:]
    if mark == "f:":
        return text if isinstance(node, dict) and text in node else None
    if not isinstance(node, list):
        return None
    wanted = json.loads(text)
    for place, item in enumerate(node):
        if item == wanted if mark == "v:" else _is(item, wanted):
            return place
    return None


def _is(item: Any, wanted: dict[str, Any]) -> bool:
    return isinstance(item, dict) and item_fields(item, tuple(wanted)) == wanted


def as_text(path: Path) -> str:
    """`.spec.template.spec.containers[name="app"].image`, as the API server writes it in conflicts."""
    parts = []
    for element in path:
        mark, text = element[:2], element[2:]
        if mark == "f:":
            parts.append(f".{text}")
        elif mark == "v:":
            parts.append(f"[={text}]")
        else:
            keys = ",".join(f"{name}={json.dumps(value)}" for name, value in json.loads(text).items())
            parts.append(f"[{keys}]")
    return "".join(parts)
