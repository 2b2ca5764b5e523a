"""An inventory row: image and version are what was last promoted or rolled back to.

A change behind the platform's back shows in drift, not here. The row also keeps the wanted state of the service, which
is what a sweep compares with and what a partial release leaves alone.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from shared.kernel.record import Record
from shared.targets.port import Workload


class Source(StrEnum):
    DEPLOYMENT = "deployment"
    OBSERVATION = "observation"
    IMPORT = "import"


class Placed(Record):
    """The wanted state of a service and where it runs."""

    target: str
    workload: Workload
    configuration_id: str | None = None


class Snapshot(Record):
    """All that a promoted deployment left running: the one before it, overlaid with what the release changed."""

    deployment_id: str
    release_ref: str
    content_hash: str
    services: dict[str, Placed]


class ServiceReport(Record):
    """What is shown of the row."""

    service_id: str
    target: str
    image: str
    version: str
    replicas: int
    endpoint_url: str | None = None
    deployment_id: str | None = None  # None: no deployment of ours put it there
    source: Source
    observed_at: datetime
    generation: int


class ServiceObserved(ServiceReport):
    """What PUT …/services/{serviceId} answers: the row as it stands afterwards."""

    trace_id: str


class RuntimeService(ServiceReport):
    """The row; the wanted state is the platform's own."""

    placed: Placed


def version_of(image: str) -> str:
    """The tag, else the digest. A registry may carry a port: the tag is what follows the last `:` after the last `/`."""
    name, at, digest = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    if colon:
        return tag
    return digest if at else ""
