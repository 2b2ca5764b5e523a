"""Who gets the traffic of a container app, as pure rules.

In Single mode the latest ready revision gets everything: the old one serves until the new one is ready. In Multiple mode
the declared weights hold; an entry with `latestRevision` follows the latest *ready* revision ("latest stable revision" in
Azure's API description), so that a revision that never becomes ready never takes traffic by itself.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from localazure.arm.errors import ArmError

SINGLE, MULTIPLE = "Single", "Multiple"
EVERYTHING: list[dict[str, Any]] = [{"latestRevision": True, "weight": 100}]


def mode(properties: Mapping[str, Any]) -> str:
    return str((properties.get("configuration") or {}).get("activeRevisionsMode") or SINGLE)


def declared(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    ingress = (properties.get("configuration") or {}).get("ingress") or {}
    return list(ingress.get("traffic") or EVERYTHING)


def check(properties: Mapping[str, Any], known: set[str]) -> None:
    """Raises `ArmError` 400 for weights that are no split of the traffic among `known` revisions."""
    if mode(properties) not in (SINGLE, MULTIPLE):
        raise ArmError(400, "InvalidParameterValue", f"activeRevisionsMode '{mode(properties)}' is not Single or Multiple.")
    entries = declared(properties)
    if any(bool(entry.get("revisionName")) == bool(entry.get("latestRevision")) for entry in entries):
        raise _refused("each entry names a revision or the latest revision, not both")
    unknown = [
        entry["revisionName"] for entry in entries if entry.get("revisionName") and entry["revisionName"] not in known
    ]
    if unknown:
        raise _refused(f"revision '{unknown[0]}' does not exist")
    if sum(int(entry.get("weight") or 0) for entry in entries) != 100:
        raise _refused("the weights must add up to 100")


def _refused(why: str) -> ArmError:
    return ArmError(400, "ContainerAppInvalidTraffic", f"The traffic configuration is invalid: {why}.")


def weights(properties: Mapping[str, Any], latest: str) -> dict[str, int]:
    """Weight by revision name; `latest` is the latest ready revision, or the only one there is."""
    if mode(properties) == SINGLE:
        return {latest: 100}
    split: dict[str, int] = {}
    for entry in declared(properties):
        name = entry.get("revisionName") or latest
        split[name] = split.get(name, 0) + int(entry.get("weight") or 0)
    return split


def labelled(properties: Mapping[str, Any], label: str, latest: str) -> str | None:
    """The revision that carries a label."""
    for entry in declared(properties):
        if entry.get("label") == label:
            return str(entry.get("revisionName") or latest)
    return None


def heaviest(split: Mapping[str, int]) -> str | None:
    """The revision that serves: the one with the greatest weight; of equals the first declared."""
    return max(split, key=lambda name: split[name], default=None)


def drawn(split: Mapping[str, int], draw: random.Random) -> str | None:
    """The revision of one request. No failing over: a share of a revision that is not ready is lost, as in Azure."""
    carrying = {name: weight for name, weight in split.items() if weight > 0}
    return draw.choices(list(carrying), weights=list(carrying.values()))[0] if carrying else None
