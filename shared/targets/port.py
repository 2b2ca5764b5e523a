"""What the platform asks of a compute target: one Protocol, one file per target, one conformance suite for all.

A *workload* is the whole wanted state of one service. Its *revision* follows from its content and from the release that
introduced it, so applying twice is applying once, and re-applying an earlier workload leads back to the earlier
revision. Every effect is *stamped*; a target refuses a stamp older than the one it carries, so that a worker that was
stopped for an hour changes nothing when it wakes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from shared.kernel.canonical import sha256
from shared.kernel.record import Record

REVISION_DIGITS = 10


class Site(Record):
    """Where an environment's workloads run: its placement and what its engine put out."""

    tenant_id: str
    project_id: str
    environment_id: str
    stage: str
    region: str
    subscription_id: str
    resource_group: str
    outputs: dict[str, str] = {}


class Stamp(Record):
    """Who makes a change. Ordered by (generation, attempt): the environment's operations count up `generation`."""

    operation_id: str
    generation: int
    attempt: int

    @property
    def text(self) -> str:
        return f"{self.generation}.{self.attempt}"

    def older_than(self, standing: str | None) -> bool:
        """Whether `standing` (the `text` found on a resource, None when it carries none) is of a newer change."""
        if not standing:
            return False
        generation, _, attempt = standing.partition(".")
        return (self.generation, self.attempt) < (int(generation), int(attempt or 0))


class SecretReference(Record):
    """A Key Vault secret by version; never a value."""

    vault_uri: str
    secret_name: str
    version: str


class HealthProbe(Record):
    path: str = "/health"
    port: int = 8080
    format: Literal["json", "plain", "grpc"] = "json"


class Measure(Record):
    """What an autoscaler goes by: the metric of a policy with its share of what one replica takes, or whatever else, by the
    name that the target has for it."""

    metric: str
    percent: int | None = None  # None where it is nothing that a policy can say


class Scaling(Record):
    metric: Literal["cpu", "memory", "requests", "queue-length"]
    min_replicas: int
    max_replicas: int
    target_utilization_percent: int
    scale_to_zero: bool = False

    @property
    def measure(self) -> Measure:
        return Measure(metric=self.metric, percent=self.target_utilization_percent)


def repository_of(image: str) -> str:
    """`registry/name`. A registry may carry a port: a tag is what follows the last `:` after the last `/`."""
    folder, slash, last = image.partition("@")[0].rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


class Workload(Record):
    service_id: str
    image: str  # as it is shown: registry/name:tag or @sha256
    digest: str | None = None  # what its tag meant when the release was prepared
    replicas: int
    env: dict[str, str | SecretReference] = {}
    health: HealthProbe = HealthProbe()
    scaling: Scaling | None = None
    release: str  # the deployment that introduced this state of the service

    @property
    def reference(self) -> str:
        """What is deployed: `registry/name@sha256:…`, which nobody can make mean something else; the image as it is shown
        where no digest is known."""
        return f"{repository_of(self.image)}@{self.digest}" if self.digest else self.image

    @property
    def revision(self) -> str:
        """The revision's name (a Container Apps suffix, a pod label): follows from everything that makes a new one."""
        unknown = {"digest"} if self.digest is None else set()  # workloads from before digests keep their names
        content = self.model_dump(mode="json", exclude={"replicas", "scaling"} | unknown)
        return f"r{sha256(content)[:REVISION_DIGITS]}"


class ObservedReplica(Record):
    name: str
    ready: bool


class ObservedRevision(Record):
    """One revision as the target tells it now."""

    name: str  # `Workload.revision` for what we made; the target's own name for what somebody else made
    image: str  # `Workload.image` where it is ours and runs what we deployed; else what the target itself names
    replicas: list[ObservedReplica]
    addresses: list[str]  # base URLs to probe, e.g. http://10.2.0.7:8080; empty when it cannot be reached from here
    serving: bool  # gets the service's traffic
    settled: bool  # the target has seen the latest spec and has nothing left to do for this revision
    reason: str | None = None  # the target's own word for why not


class Field(StrEnum):
    """What of a service can be somebody's to decide."""

    IMAGE = "image"
    SETTINGS = "settings"
    REPLICAS = "replicas"


class Holder(StrEnum):
    """Who wrote a field last, where the target keeps book of it."""

    PLATFORM = "platform"
    AUTOSCALER = "autoscaler"
    SOMEBODY = "somebody"


class ObservedBounds(Record):
    """What an autoscaler keeps the count within, and what it goes by."""

    min_replicas: int
    max_replicas: int
    measures: list[Measure] | None = None  # None where the target has no say in it: a function app goes by its triggers


class Observation(Record):
    """One service as the target tells it now. A service the target does not have is absent from the answer."""

    service_id: str
    observed_at: datetime
    replicas: int  # wanted by the target itself, after any autoscaler
    autoscaled: bool  # whether an autoscaler owns the count
    bounds: ObservedBounds | None = None  # of that autoscaler; None without one
    env: dict[str, str]  # plain values; references as "keyvault:<uri>"
    revisions: list[ObservedRevision]
    stamp: str | None
    holders: dict[Field, Holder] = {}  # empty where the target keeps no book

    @property
    def serving(self) -> ObservedRevision | None:
        return next((revision for revision in self.revisions if revision.serving), None)


class Applied(Record):
    """The outcome of an apply, per workload: what can fail per item is an outcome, not an exception."""

    service_id: str
    revision: str
    error: str | None = None  # a code; None = the target accepted it


class Target(Protocol):
    """Raises `Transient` when the target cannot be asked, `Refused` when it says no for good, `Superseded` when the
    resource carries a newer stamp."""

    async def apply(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        """Make the workload's revision exist and run, beside the serving one where the target can.

        Idempotent by `workload.revision`. Does not wait until it is ready.
        """

    async def promote(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        """Let only this revision serve, and leave no ready replica of any other. Idempotent. Where applying is already
        replacing (a rolling update), nothing is left to do."""

    async def observe(self, site: Site) -> Mapping[str, Observation]:
        """Everything of ours in the environment by service id, in a number of calls that does not grow with services."""

    async def scale(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        """Enforce `workload.scaling` (None: its plain `replicas`) on what serves."""

    async def remove(self, site: Site, stamp: Stamp, service_ids: Sequence[str]) -> None:
        """Delete services; absent ones count as gone."""
