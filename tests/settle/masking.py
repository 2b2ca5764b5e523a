"""What an environment's rows say, without what no two runs share: ids, clocks, ports, hashes over ids, numbers of tries.

Ids keep who is who: the part of an id that a call drew becomes the name of that call ("<deploy>"), so a row that points at
the wrong deployment does not look like the right one. What a crash may change by design is left out and listed here:
the attempt and the bookkeeping of jobs, how many looks a gate took, and the sweep's own list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

LEFT_OUT = ("log-", "out-")  # the log has a row for every attempt; what is sent shows at the subscriber
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
_NEWEST_FIRST = re.compile(r"(?<=-)\d{14}(?=-)")
_REVISION = re.compile(r"\br[0-9a-f]{10}\b")
_HEX = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{16,64})(?![0-9a-f])")
_ADDRESS = re.compile(r"127\.0\.0\.1:\d+")
_REPLICA = re.compile(r"(<revision>)(?:-[a-z0-9]+)*-[a-z0-9]{5}\b")
_CERTIFICATE = re.compile(r"\b[A-Za-z0-9+/]{200,}=*")

# member -> why it may differ
BY_DESIGN = {
    "attempt": "a run that the hub lost is taken up under the next one",
    "appliedBy": "likewise",
    "job": "how many executions were started, and which",
    "worker": "which execution worked",
    "evidence": "the looks of the gate; its verdict is compared",
    "samples": "likewise, as the API shows them",
}


def masked_text(text: str, names: Mapping[str, str]) -> str:
    """`names`: what an id's own part (16 hex digits), or a tenant, is to be called."""
    for own, name in names.items():
        text = text.replace(own, f"<{name}>")
    text = _CERTIFICATE.sub("<certificate>", _ADDRESS.sub("<address>", _MOMENT.sub("<moment>", text)))
    text = _NEWEST_FIRST.sub("<instant>", _REVISION.sub("<revision>", text))
    return _HEX.sub("<hex>", text)


def masked(document: Any, names: Mapping[str, str]) -> Any:
    if isinstance(document, Mapping):
        kept = {key: value for key, value in document.items() if key not in BY_DESIGN}
        return {masked_text(key, names): masked(value, names) for key, value in kept.items()}
    if isinstance(document, list):
        return [masked(one, names) for one in document]
    return masked_text(document, names) if isinstance(document, str) else document


def state(partitions: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> Json:
    """Every row of a tenant, masked, by masked partition and key."""
    rows: Json = {}
    for partition, keyed in partitions.items():
        for key, document in keyed.items():
            if not key.startswith(LEFT_OUT):
                name = masked_text(_told_apart(key, document), names)
                rows[f"{masked_text(partition, names)} {name}"] = masked(document, names)
    return rows


def _told_apart(key: str, document: Json) -> str:
    """The row of an answer is named by the caller's key, which masks like any other: by what it answered for, then."""
    return f"idem-{document.get('operationId')}" if key.startswith("idem-") else key


def creates(traffic: Mapping[str, Iterable[Json]], own: str, names: Mapping[str, str]) -> Json:
    """(dependency, method, path) masked -> how often each such path answered 201: one number per resource."""
    found: dict[str, list[int]] = {}
    for dependency in ("arm", "kubernetes"):
        counts: Counter[str] = Counter()
        for row in traffic.get(dependency, []):
            if row["status"] == 201 and own in row["path"].lower():
                counts[f"{dependency} {row['method']} {row['path']}"] += row["count"]
        for path, count in counts.items():
            found.setdefault(masked_text(path, names), []).append(count)
    return {path: sorted(numbers) for path, numbers in sorted(found.items())}


def differences(wanted: Json, seen: Json) -> list[str]:
    """One line for each row that is missing, too many or other."""
    lines = [f"missing: {key}" for key in wanted if key not in seen]
    lines += [f"too many: {key}: {seen[key]}" for key in seen if key not in wanted]
    for key in wanted.keys() & seen.keys():
        if wanted[key] != seen[key]:
            lines += [f"{key}: {line}" for line in _inner(wanted[key], seen[key])]
    return lines


def _inner(wanted: Any, seen: Any) -> list[str]:
    if isinstance(wanted, dict) and isinstance(seen, dict):
        keys = sorted(wanted.keys() | seen.keys())
        return [f"{key}.{line}" for key in keys for line in _inner(wanted.get(key), seen.get(key))]
    return [] if wanted == seen else [f"wanted {wanted!r}, seen {seen!r}"]
