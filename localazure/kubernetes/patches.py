"""The three patch types besides apply: JSON merge patch (RFC 7386), strategic merge patch, JSON patch (RFC 6902).

Each takes the standing object and gives a new one; neither argument is changed. Strategic merge knows the directives that
kubectl sends: `$patch: delete | replace`, `$retainKeys`, `$deleteFromPrimitiveList/…`; `$setElementOrder/…` is read
over, so new list items come last.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from localazure.kubernetes.schema import Names, is_set, item_key, keys_of
from localazure.kubernetes.status import Refusal

_DROP_FROM = "$deleteFromPrimitiveList/"


def merge(standing: Any, patch: Any) -> Any:
    """RFC 7386: null removes, everything but objects replaces."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    merged = dict(standing) if isinstance(standing, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def strategic(standing: Any, patch: Any, names: Names = ()) -> Any:
    """As RFC 7386, but lists whose items have keys are merged item by item."""
    if isinstance(patch, Mapping):
        return _strategic_map(standing, patch, names)
    if isinstance(patch, list) and names:
        if is_set(names):
            held = standing if isinstance(standing, list) else []
            return [*held, *(item for item in patch if item not in held)]
        if keys := keys_of(names):
            return _strategic_list(standing if isinstance(standing, list) else [], patch, keys[:1], names)
    return copy.deepcopy(patch)


def _strategic_map(standing: Any, patch: Mapping[str, Any], names: Names) -> Any:
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    merged = dict(standing) if isinstance(standing, Mapping) and directive != "replace" else {}
    if isinstance(retained := patch.get("$retainKeys"), list):
        merged = {name: value for name, value in merged.items() if name in retained}
    for name, value in patch.items():
        if name.startswith(_DROP_FROM):
            target = name.removeprefix(_DROP_FROM)
            merged[target] = [item for item in merged.get(target, []) if item not in value]
        elif name.startswith("$"):
            continue
        elif value is None:
            merged.pop(name, None)
        else:
            merged[name] = strategic(merged.get(name), value, (*names, name))
    return merged


def _strategic_list(standing: list[Any], patch: list[Any], keys: Names, names: Names) -> list[Any]:
    if any(isinstance(item, Mapping) and item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if "$patch" not in item]
    merged = {item_key(item, keys): item for item in standing}
    for item in patch:
        key = item_key(item, keys)
        if isinstance(item, Mapping) and item.get("$patch") == "delete":
            merged.pop(key, None)
        else:
            merged[key] = strategic(merged.get(key), item, names)
    return list(merged.values())


def json_patch(standing: Any, operations: Any) -> Any:
    """RFC 6902. Raises 422 for an operation that cannot be done, as the API server does."""
    if not isinstance(operations, list):
        raise Refusal(400, "a JSON patch is a list of operations")
    document = copy.deepcopy(standing)
    for step in operations:
        try:
            document = _operate(document, step)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise Refusal(422, f"the server rejected our request due to an error in our request: {step}") from None
    return document


def _operate(document: Any, step: Mapping[str, Any]) -> Any:
    operation, path = step["op"], _pointer(step["path"])
    if operation == "test":
        if _read(document, path) != step["value"]:
            raise ValueError("test failed")
        return document
    if operation == "remove":
        _take(document, path)
        return document
    if operation == "replace":
        _read(document, path)
        return _put(document, path, step["value"], insert=False)
    if operation == "add":
        return _put(document, path, step["value"], insert=True)
    if operation in ("copy", "move"):
        source = _pointer(step["from"])
        value = copy.deepcopy(_read(document, source))
        if operation == "move":
            _take(document, source)
        return _put(document, path, value, insert=True)
    raise ValueError(operation)


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _read(node: Any, path: list[str]) -> Any:
    for part in path:
        node = node[_index(node, part)]
    return node


def _take(document: Any, path: list[str]) -> None:
    parent = _read(document, path[:-1])
    del parent[_index(parent, path[-1])]


def _put(document: Any, path: list[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return copy.deepcopy(value)
    parent = _read(document, path[:-1])
    if isinstance(parent, list) and insert:
        place = len(parent) if path[-1] == "-" else _index(parent, path[-1])
        if place > len(parent):
            raise IndexError(path[-1])
        parent.insert(place, copy.deepcopy(value))
    else:
        parent[_index(parent, path[-1])] = copy.deepcopy(value)
    return document


def _index(node: Any, part: str) -> Any:
    if isinstance(node, dict):
        return part
    if not part.isdigit():
        raise ValueError(part)
    return int(part)
