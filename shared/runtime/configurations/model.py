"""A configuration: published once, never changed; versions count up per environment and module.

Secrets do not belong here. A value that looks like one is refused by the name of its key; the value itself is never
echoed, logged or stored. What a workload needs of a vault is a reference: `{"secretRef": "<binding>/<name>"}`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints

from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.kernel.redaction import SHAPES
from shared.runtime.environments.model import Name, TenantId

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class SecretRef(Record):
    secret_ref: Annotated[str, StringConstraints(pattern=r"^sec-[0-9a-f]{32}/[a-zA-Z0-9][A-Za-z0-9_-]{0,126}$")]

    @property
    def binding_id(self) -> str:
        return self.secret_ref.partition("/")[0]

    @property
    def name(self) -> str:
        return self.secret_ref.partition("/")[2]


Value = StrictBool | StrictInt | StrictFloat | Annotated[str, StringConstraints(max_length=16384)] | SecretRef


class PublishRequest(Record):
    """POST /configurations."""

    tenant_id: TenantId
    environment_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    module_id: Name | None = None
    values: dict[Key, Value] = Field(min_length=1, max_length=500)
    comment: Annotated[str, StringConstraints(max_length=1000)] | None = None


class Published(Record):
    """What POST /configurations answers."""

    configuration_id: str
    version: int
    content_hash: str
    status: Literal["Published"] = "Published"
    trace_id: str


class Configuration(Published):
    tenant_id: str
    environment_id: EnvironmentId
    module_id: str | None = None
    values: dict[str, Value]
    comment: str | None = None
    published_by: str
    created_at: datetime


def as_variable(value: bool | int | float | str) -> str:
    """A value as an environment variable carries it; JSON's words for booleans and numbers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_NAMES = re.compile(
    r"(passw(or)?d|passphrase|passcode|pwd|secret|credentials?|token|connection_?string|(?<![a-z])sas"
    r"|(api|private|access|account|secret|shared|signing|encryption|master|client|storage)_?key)$",
    re.I,
)
_RANDOM = re.compile(r"(?=.*[0-9])[A-Za-z0-9+/_=-]{32,}")  # long words of letters alone are names
_RANDOM_BITS = 4.2  # per character: above what most identifiers, paths and sentences reach


def looks_like_a_secret(key: str, value: object) -> bool:
    """Whether a value should be a reference. Errs on the side of refusing: a reference is always possible."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return False
    if _NAMES.search(key):
        return True  # a number too: PASSWORD 12345678
    if not isinstance(value, str):
        return False
    if any(shape.search(value) for shape in SHAPES):
        return True
    return _RANDOM.fullmatch(value) is not None and _bits(value) > _RANDOM_BITS


def _bits(text: str) -> float:
    """Shannon entropy per character."""
    counts: Mapping[str, int] = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
