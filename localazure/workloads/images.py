"""Images by tag and by digest: every reference has one digest, always the same, and a digest is shown by its tag again.

No registry holds anything here, so a digest follows from the reference itself. The way back is remembered when a tag is
resolved: who deploys a digest asked the registry for it before.
"""

from __future__ import annotations

import hashlib

from localazure.shelf import Shelf

KIND = "registry.image"


def repository_of(reference: str) -> str:
    """`registry/name` without tag and digest. A registry may carry a port: a tag stands after the last `/`."""
    name = reference.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def digest_of(reference: str) -> str:
    """The digest that was asked for, else one that is always the same for the same reference."""
    return reference.partition("@")[2] or f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"


def pinned(reference: str) -> str:
    """`registry/name@sha256:…`, as it is deployed once its tag was resolved."""
    return f"{repository_of(reference)}@{digest_of(reference)}"


class Images:
    """What was resolved, on the shelf; several of these may look at one shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known: dict[str, str] = {}

    def remember(self, reference: str) -> str:
        """The digest of a reference by tag, from now on shown as that reference."""
        deployed = pinned(reference)
        if "@" not in reference and deployed not in self._known:
            self._shelf.put(KIND, deployed, {"reference": reference})
            self._known[deployed] = reference
        return digest_of(reference)

    def shown(self, deployed: str) -> str:
        """The reference by tag where a digest came from one; everything else as it is."""
        if "@" not in deployed:
            return deployed
        if deployed not in self._known:
            row = self._shelf.get(KIND, deployed)
            if row is None:
                return deployed
            self._known[deployed] = str(row["reference"])
        return self._known[deployed]
