"""What these tests deploy, and how far an operation is."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from tests.e2e.driving import SETTLED, Json, component


def two_services(version: str = "1.0.0") -> list[Json]:
    """One on each target, new to every environment."""
    name = uuid.uuid4().hex[:8]
    return [component(f"module-k-{name}", version), component(f"module-c-{name}", version, "container-apps")]


def at(components: Sequence[Json], version: str) -> list[Json]:
    """The same services in another version."""
    return [component(one["moduleId"], version, one["target"]) for one in components]


def job_runs(operation: Json) -> bool:
    """In the middle of the provisioner's work: before the longest of it."""
    return any(step["name"] == "KeyVault" for step in operation["steps"])


def over(operation: Json) -> bool:
    return operation["status"] in SETTLED
