"""Everything that differs between a laptop and Azure, from one mapping of names to texts.

Start-up names *every* setting that is missing or wrong, not the first. Names are those of local.settings.sample.json,
which a test holds against this module. Nothing else in the app reads the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from shared.kernel import parsing

T = TypeVar("T")


class BadSettings(Exception):
    """What is missing or wrong, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class IdentitySettings:
    issuer: str
    audience: str
    tenant_claim: str
    decryption_key: str | None = field(repr=False)
    managed_identity_client_id: str | None


@dataclass(frozen=True)
class IsolationSettings:
    """The isolation probe's own client at the issuer, of a tenant that nobody else has; without one nothing is probed."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class GovernanceSettings:
    url: str
    scope: str | None  # of the credential for calling it; None: it asks for none
    receipt_lifetime: timedelta


@dataclass(frozen=True)
class StateSettings:
    tables_connection: str = field(repr=False)  # a connection string, or
    tables_endpoint: str  # an https endpoint, with the managed identity
    service_bus: str = field(repr=False)  # likewise: a connection string, or a namespace's host name
    signing_key: bytes = field(repr=False)
    shards: int


@dataclass(frozen=True)
class PlatformSettings:
    subscription_id: str
    provisioner_job_id: str
    image_registries: frozenset[str]
    secret_vaults: frozenset[str]
    probe_networks: str
    tenant_requests: float  # a second, of one tenant on one instance; 0 = no limit


@dataclass(frozen=True)
class PaceSettings:
    """How long things take. Seconds unless said otherwise."""

    gate_wait: int
    gate_stable: int
    gate_retry_timeout: int
    health_interval: float
    drift_interval: float
    infrastructure_interval: float  # between two looks at an environment's infrastructure
    upkeep_interval: float
    transient_budget: float
    operation_poll: float
    activity_limit: float  # host.json's functionTimeout: an activity that began so long ago has ended
    probe_timeout: float  # for one attempt
    probe_attempts: int
    health_failures: int  # looks in a row until a service that worked is shown as one that does not
    health_successes: int  # and back

    @property
    def scaling_interval(self) -> float:
        """Between two looks at whether targets keep their scaling policies: a minute, or an upkeep that is rarer."""
        return max(60.0, self.upkeep_interval)

    @property
    def look_budget(self) -> timedelta:
        """What a health sweep's look at an environment may take: below the interval, and as late as a tick may be."""
        return timedelta(seconds=0.8 * max(10.0, self.health_interval))

    @property
    def stale_after(self) -> timedelta:
        """Health that is older than this says nothing: three sweeps were missed."""
        return timedelta(seconds=max(10.0, 3 * self.health_interval))


@dataclass(frozen=True)
class GrpcSettings:
    """What runtime_grpc needs beside the rest."""

    address: str  # host:port to listen on
    streams_per_tenant: int
    poll: float  # seconds between two looks at a watched environment's revision
    heartbeat: float  # seconds


@dataclass(frozen=True)
class PageSettings:
    """The operators' page. It is served once a client is registered for it with the issuer, unless it is switched off."""

    client_id: str
    enabled: bool

    @property
    def served(self) -> bool:
        return self.enabled and bool(self.client_id)


@dataclass(frozen=True)
class TelemetrySettings:
    """Where spans and metrics go; nowhere without either. Both names are standard, Azure sets the first by itself."""

    azure_monitor: str = field(repr=False)  # an Application Insights connection string
    otlp_endpoint: str  # of a collector, without the path of a signal

    @property
    def wanted(self) -> bool:
        return bool(self.azure_monitor or self.otlp_endpoint)


@dataclass(frozen=True)
class Settings:
    identity: IdentitySettings
    governance: GovernanceSettings
    state: StateSettings
    platform: PlatformSettings
    pace: PaceSettings
    grpc: GrpcSettings
    isolation: IsolationSettings
    page: PageSettings
    telemetry: TelemetrySettings

    @property
    def secrets(self) -> list[str]:
        """What no line may ever show."""
        state = self.state
        given = [
            self.isolation.client_secret,
            self.identity.decryption_key,
            state.tables_connection,
            state.signing_key.decode(),
        ]
        given += [state.service_bus] if "Key=" in state.service_bus else []  # a host's name is none
        return [secret for secret in given if secret]


@dataclass
class _Reader:
    """Collects every problem before anybody is told of one."""

    values: Mapping[str, str]
    problems: list[str] = field(default_factory=list)

    def text(self, name: str, default: str | None = None) -> str:
        value = self.values.get(name, "").strip() or default
        if value is None:
            self.problems.append(f"{name} is missing")
        return value or ""

    def read(self, name: str, parse: Callable[[str], T], default: str | None = None) -> T | Any:
        value = self.text(name, default)
        if not value:
            return None
        try:
            return parse(value)
        except ValueError as wrong:
            self.problems.append(f"{name} is not usable: {wrong}")
            return None

    def either(self, *names: str) -> None:
        if not any(self.values.get(name, "").strip() for name in names):
            self.problems.append(f"one of {', '.join(names)} is needed")


def read(values: Mapping[str, str]) -> Settings:
    """Raises `BadSettings` naming everything that is missing or wrong."""
    reader = _Reader(values)
    settings = Settings(
        _identity(reader),
        _governance(reader),
        _state(reader),
        _platform(reader),
        _pace(reader),
        _grpc(reader),
        _isolation(reader),
        _page(reader),
        _telemetry(reader),
    )
    if reader.problems:
        raise BadSettings(reader.problems)
    return settings


def _identity(reader: _Reader) -> IdentitySettings:
    return IdentitySettings(
        issuer=reader.text("OIDC_ISSUER"),
        audience=reader.text("OIDC_AUDIENCE"),
        tenant_claim=reader.text("OIDC_TENANT_CLAIM", "tenantId"),
        decryption_key=reader.text("OIDC_DECRYPTION_KEY", "") or None,
        managed_identity_client_id=reader.text("MANAGED_IDENTITY_CLIENT_ID", "") or None,
    )


def _governance(reader: _Reader) -> GovernanceSettings:
    hours = reader.read("GOVERNANCE_RECEIPT_HOURS", parsing.seconds, "24")
    return GovernanceSettings(
        url=reader.text("GOVERNANCE_URL"),
        scope=reader.text("GOVERNANCE_SCOPE", "") or None,
        receipt_lifetime=timedelta(hours=hours or 0),
    )


def _state(reader: _Reader) -> StateSettings:
    reader.either("TABLES_CONNECTION", "TABLES_ENDPOINT")
    reader.either("ServiceBus", "ServiceBus__fullyQualifiedNamespace")
    return StateSettings(
        tables_connection=reader.text("TABLES_CONNECTION", ""),
        tables_endpoint=reader.text("TABLES_ENDPOINT", ""),
        service_bus=reader.text("ServiceBus", "") or reader.text("ServiceBus__fullyQualifiedNamespace", ""),
        signing_key=reader.read("RUNTIME_SIGNING_KEY", parsing.key),
        shards=reader.read("SWEEP_SHARDS", parsing.shards, "16"),
    )


def _platform(reader: _Reader) -> PlatformSettings:
    return PlatformSettings(
        subscription_id=reader.text("PLACEMENT_SUBSCRIPTION_ID"),
        provisioner_job_id=reader.text("PROVISIONER_JOB_ID"),
        image_registries=reader.read("IMAGE_REGISTRIES", parsing.names),
        secret_vaults=reader.read("SECRET_VAULTS", parsing.names, "") or frozenset(),
        probe_networks=reader.text("PROBE_ALLOWED_NETWORKS", ""),
        tenant_requests=reader.read("TENANT_REQUESTS_PER_SECOND", parsing.seconds, "0"),
    )


def _pace(reader: _Reader) -> PaceSettings:
    return PaceSettings(
        gate_wait=reader.read("GATE_WAIT_SECONDS", parsing.whole, "0"),
        gate_stable=reader.read("GATE_STABLE_SECONDS", parsing.whole, "60"),
        gate_retry_timeout=reader.read("GATE_RETRY_TIMEOUT_SECONDS", parsing.whole, "300"),
        health_interval=reader.read("HEALTH_INTERVAL_SECONDS", parsing.seconds, "30"),
        drift_interval=reader.read("DRIFT_INTERVAL_SECONDS", parsing.seconds, "300"),
        infrastructure_interval=reader.read("INFRASTRUCTURE_INTERVAL_SECONDS", parsing.seconds, "21600"),
        upkeep_interval=reader.read("UPKEEP_INTERVAL_SECONDS", parsing.seconds, "30"),
        transient_budget=reader.read("TRANSIENT_BUDGET_SECONDS", parsing.seconds, "600"),
        operation_poll=reader.read("OPERATION_POLL_SECONDS", parsing.seconds, "60"),
        activity_limit=reader.read("ACTIVITY_LIMIT_SECONDS", parsing.seconds, "600"),
        probe_timeout=reader.read("PROBE_TIMEOUT_SECONDS", parsing.seconds, "5"),
        probe_attempts=reader.read("PROBE_ATTEMPTS", parsing.count, "2"),
        health_failures=reader.read("HEALTH_FAILURES", parsing.count, "2"),
        health_successes=reader.read("HEALTH_SUCCESSES", parsing.count, "2"),
    )


def _grpc(reader: _Reader) -> GrpcSettings:
    return GrpcSettings(
        address=reader.text("GRPC_ADDRESS", "127.0.0.1:5010"),
        streams_per_tenant=reader.read("GRPC_STREAMS_PER_TENANT", parsing.whole, "2000"),
        poll=reader.read("GRPC_POLL_SECONDS", parsing.seconds, "1"),
        heartbeat=reader.read("GRPC_HEARTBEAT_SECONDS", parsing.heartbeat, "15"),
    )


def _isolation(reader: _Reader) -> IsolationSettings:
    return IsolationSettings(
        client_id=reader.text("ISOLATION_CLIENT_ID", ""),
        client_secret=reader.text("ISOLATION_CLIENT_SECRET", ""),
    )


def _page(reader: _Reader) -> PageSettings:
    return PageSettings(
        client_id=reader.text("UI_CLIENT_ID", ""),
        enabled=bool(reader.read("UI_ENABLED", parsing.flag, "true")),
    )


def _telemetry(reader: _Reader) -> TelemetrySettings:
    return TelemetrySettings(
        azure_monitor=reader.text("APPLICATIONINSIGHTS_CONNECTION_STRING", ""),
        otlp_endpoint=reader.text("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/"),
    )
