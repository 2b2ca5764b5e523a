"""Who owns which field of an object (`metadata.managedFields`), and server-side apply, which is decided by it.

Source of the rules: kubernetes.io "Server-Side Apply" and structured-merge-diff.
- An ordinary write (Update) takes over exactly the fields whose value it changes or adds; others lose them.
- An apply owns exactly what it names. Naming a field that another manager owns, with another value, is a conflict unless
  it is forced, which takes the field away from the others; with the same value the field is shared.
- What a manager applied before, names no longer and owned alone is removed.
A manager is told apart by name, operation and subresource, so an apply and an update of the same name are two managers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from localazure.kubernetes.clock import stamp
from localazure.kubernetes.field_sets import Path, as_text, fields_of, from_wire, is_key, remove, to_wire
from localazure.kubernetes.schema import Names, is_atomic_map, is_set, item_key, keys_of
from localazure.kubernetes.status import Refusal

_ABSENT = object()


@dataclass(frozen=True)
class Owner:
    manager: str
    operation: Literal["Apply", "Update"] = "Update"
    subresource: str = ""


@dataclass
class _Holding:
    api_version: str
    paths: set[Path]
    time: str = field(default_factory=stamp)


_Holdings = dict[Owner, _Holding]


def record_update(standing: Mapping[str, Any], changed: dict[str, Any], owner: Owner) -> None:
    """Write into `changed` who owns what, after an ordinary write made it of `standing` ({} for a creation)."""
    before, after = fields_of(standing), fields_of(changed)
    taken = {path for path, value in after.items() if before.get(path, _ABSENT) != value}
    gone = before.keys() - after.keys()
    holdings = _read(standing)
    for holding in holdings.values():
        holding.paths -= taken | gone
    if taken:
        own = holdings.setdefault(owner, _Holding(changed["apiVersion"], set()))
        own.paths |= taken
        own.time = stamp()
    _write(changed, holdings)


def apply(standing: Mapping[str, Any], wanted: Mapping[str, Any], owner: Owner, *, force: bool) -> dict[str, Any]:
    """The object after `owner` applied `wanted` to `standing` ({} when absent). Raises the 409 of a conflict."""
    named, before = fields_of(wanted), fields_of(standing)
    holdings = _read(standing)
    others = {other: holding for other, holding in holdings.items() if other != owner}
    contested = {path for path, value in named.items() if before.get(path, value) != value}
    lost = {other: holding.paths & contested for other, holding in others.items() if holding.paths & contested}
    if lost and not force:
        raise _conflict(lost, others)
    for other, paths in lost.items():
        holdings[other].paths -= paths
    merged: dict[str, Any] = _merge(standing, wanted, ())
    own = holdings.get(owner)
    dropped = (own.paths if own else set()) - named.keys()
    _remove_unowned(merged, dropped, named.keys() | {path for each in others.values() for path in each.paths})
    if own is None or own.paths != named.keys():
        holdings[owner] = _Holding(wanted["apiVersion"], set(named))
    elif contested:
        own.time = stamp()
    _write(merged, holdings)
    return merged


def _remove_unowned(merged: dict[str, Any], dropped: Iterable[Path], kept: Iterable[Path]) -> None:
    # A list item stays, with its keys, as long as somebody owns it or anything in it; an item that goes, goes whole.
    needed = {path[:length] for path in kept for length in range(1, len(path) + 1)}
    for path in sorted(dropped, key=len):
        if path not in needed and not (path[:-1] in needed and is_key(path)):
            remove(merged, path)


def _conflict(lost: Mapping[Owner, Iterable[Path]], holdings: Mapping[Owner, _Holding]) -> Refusal:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_describe(other, holdings[other])}",
            "field": as_text(path),
        }
        for other, paths in lost.items()
        for path in sorted(paths)
    ]
    listed = "; ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    plural = "" if len(causes) == 1 else "s"
    return Refusal(409, f"Apply failed with {len(causes)} conflict{plural}: {listed}", causes=causes)


def _describe(owner: Owner, holding: _Holding) -> str:
    with_what = f' with subresource "{owner.subresource}"' if owner.subresource else ""
    return f'"{owner.manager}"{with_what} using {holding.api_version}'


def _read(document: Mapping[str, Any]) -> _Holdings:
    rows = document.get("metadata", {}).get("managedFields", ())
    return {
        Owner(row["manager"], row["operation"], row.get("subresource", "")): _Holding(
            row["apiVersion"], from_wire(row["fieldsV1"]), row["time"]
        )
        for row in rows
    }


def _write(document: dict[str, Any], holdings: _Holdings) -> None:
    document["metadata"]["managedFields"] = [
        {
            "manager": owner.manager,
            "operation": owner.operation,
            "apiVersion": holding.api_version,
            "time": holding.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_wire(holding.paths),
            **({"subresource": owner.subresource} if owner.subresource else {}),
        }
        for owner, holding in sorted(
            holdings.items(), key=lambda row: (row[0].operation, row[0].manager, row[0].subresource)
        )
        if holding.paths
    ]


def _merge(standing: Any, wanted: Any, names: Names) -> Any:
    if isinstance(wanted, Mapping) and isinstance(standing, Mapping) and not is_atomic_map(names):
        merged = dict(standing)
        for name, value in wanted.items():
            merged[name] = _merge(standing.get(name), value, (*names, name))
        return merged
    if isinstance(wanted, list) and isinstance(standing, list) and names:
        if is_set(names):
            return [*wanted, *(item for item in standing if item not in wanted)]
        if keys := keys_of(names):
            return _merge_items(standing, wanted, keys, names)
    return wanted


def _merge_items(standing: list[Any], wanted: list[Any], keys: Names, names: Names) -> list[Any]:
    """In the order of what is applied; items of others stay behind the item that they stood behind."""
    held = {item_key(item, keys): item for item in standing}
    merged = [_merge(held.get(item_key(item, keys)), item, names) for item in wanted]
    order = [item_key(item, keys) for item in wanted]
    before: tuple[str, ...] | None = None
    for item in standing:
        key = item_key(item, keys)
        if key not in order:
            place = 0 if before is None else order.index(before) + 1
            order.insert(place, key)
            merged.insert(place, item)
        before = key
    return merged
