"""Identifiers that lead to their partition.

`env-` carries 16 hex digits; every id inside an environment repeats them before 16 of its own, so that any id is read
with one request and no index. With an idempotency key the own part is derived from it: racers agree without talking.
Without one it is drawn by whoever builds the service: nothing here calls on chance.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import StrEnum
from typing import NewType

EnvironmentId = NewType("EnvironmentId", str)
OperationId = NewType("OperationId", str)

DIGITS = 16
_ID = re.compile(rf"[a-z]+-([0-9a-f]{{{DIGITS}}})(?:[0-9a-f]{{{DIGITS}}})?")
_ENVIRONMENT = re.compile(rf"env-[0-9a-f]{{{DIGITS}}}")


class Kind(StrEnum):
    """Prefixes of what lives inside an environment."""

    DEPLOYMENT = "dep"
    CONFIGURATION = "cfg"
    SECRET_BINDING = "sec"  # noqa: S105 - a prefix, no password
    SCALING_POLICY = "scl"
    FINDING = "drift"
    OPERATION = "op"


def derived(signing_key: bytes, *parts: str) -> str:
    """16 hex digits that follow from `parts` for whoever holds the key.

    The parts are length-prefixed: ("a", "bc") and ("ab", "c") never meet (the class of CVE-2026-34972).
    """
    message = b"".join(len(raw).to_bytes(4) + raw for raw in (part.encode() for part in parts))
    return hmac.digest(signing_key, message, hashlib.sha256).hex()[:DIGITS]


def environment_id(own: str) -> EnvironmentId:
    return EnvironmentId(f"env-{own}")


def inside(kind: Kind, environment: EnvironmentId, own: str) -> str:
    """The id of something inside an environment; `own` is 16 hex digits."""
    return f"{kind}-{environment.removeprefix('env-')}{own}"


def operation_id(environment: EnvironmentId, own: str) -> OperationId:
    return OperationId(inside(Kind.OPERATION, environment, own))


def environment_of(ident: str) -> EnvironmentId:
    """The environment whose partition holds `ident`. What is no id of ours leads to a partition that cannot exist."""
    found = _ID.fullmatch(ident)
    return environment_id(found[1] if found else "")


def is_environment_id(ident: str) -> bool:
    return _ENVIRONMENT.fullmatch(ident) is not None
