"""The host's access keys: drawn once, kept in a file that only its owner can read, enforced as Azure enforces them.

`func start` switches keys off; this host does not, so that a call that lacks a key fails here and not first in Azure.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from localazure.writing import replace_private


@dataclass(frozen=True)
class Keys:
    """`master` opens everything, `function` every function of level function, `durable` the Durable management API."""

    master: str
    function: str
    durable: str

    def open(self, level: str, given: str) -> bool:
        """Whether the key `given` opens `level`: anonymous, function, admin or durable."""
        allowed = {"anonymous": (), "function": (self.master, self.function), "admin": (self.master,)}
        if level == "anonymous":
            return True
        candidates = allowed.get(level, (self.master, self.durable))
        return any([hmac.compare_digest(given.encode(), key.encode()) for key in candidates])


def read_keys(path: Path) -> Keys:
    """The keys in `path`, drawn and written (mode 0600) when there are none."""
    if not path.exists():
        drawn = Keys(*(secrets.token_urlsafe(32) for _ in range(3)))
        replace_private(path, json.dumps(asdict(drawn)))
    return Keys(**json.loads(path.read_text()))
