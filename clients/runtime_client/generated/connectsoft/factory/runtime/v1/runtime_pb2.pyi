import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ComputeTarget(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPUTE_TARGET_UNSPECIFIED: _ClassVar[ComputeTarget]
    COMPUTE_TARGET_AKS: _ClassVar[ComputeTarget]
    COMPUTE_TARGET_CONTAINER_APPS: _ClassVar[ComputeTarget]
    COMPUTE_TARGET_FUNCTIONS: _ClassVar[ComputeTarget]
    COMPUTE_TARGET_APP_SERVICE: _ClassVar[ComputeTarget]

class HealthStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_STATUS_UNSPECIFIED: _ClassVar[HealthStatus]
    HEALTH_STATUS_UNKNOWN: _ClassVar[HealthStatus]
    HEALTH_STATUS_HEALTHY: _ClassVar[HealthStatus]
    HEALTH_STATUS_DEGRADED: _ClassVar[HealthStatus]
    HEALTH_STATUS_UNHEALTHY: _ClassVar[HealthStatus]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_LOW: _ClassVar[Severity]
    SEVERITY_MEDIUM: _ClassVar[Severity]
    SEVERITY_HIGH: _ClassVar[Severity]
    SEVERITY_CRITICAL: _ClassVar[Severity]

class ScanStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCAN_STATUS_UNSPECIFIED: _ClassVar[ScanStatus]
    SCAN_STATUS_NEVER: _ClassVar[ScanStatus]
    SCAN_STATUS_INCOMPLETE: _ClassVar[ScanStatus]
    SCAN_STATUS_COMPLETE: _ClassVar[ScanStatus]

class ReportOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_OUTCOME_UNSPECIFIED: _ClassVar[ReportOutcome]
    REPORT_OUTCOME_ACCEPTED: _ClassVar[ReportOutcome]
    REPORT_OUTCOME_STALE: _ClassVar[ReportOutcome]
    REPORT_OUTCOME_UNKNOWN_SERVICE: _ClassVar[ReportOutcome]
    REPORT_OUTCOME_INVALID: _ClassVar[ReportOutcome]
COMPUTE_TARGET_UNSPECIFIED: ComputeTarget
COMPUTE_TARGET_AKS: ComputeTarget
COMPUTE_TARGET_CONTAINER_APPS: ComputeTarget
COMPUTE_TARGET_FUNCTIONS: ComputeTarget
COMPUTE_TARGET_APP_SERVICE: ComputeTarget
HEALTH_STATUS_UNSPECIFIED: HealthStatus
HEALTH_STATUS_UNKNOWN: HealthStatus
HEALTH_STATUS_HEALTHY: HealthStatus
HEALTH_STATUS_DEGRADED: HealthStatus
HEALTH_STATUS_UNHEALTHY: HealthStatus
SEVERITY_UNSPECIFIED: Severity
SEVERITY_LOW: Severity
SEVERITY_MEDIUM: Severity
SEVERITY_HIGH: Severity
SEVERITY_CRITICAL: Severity
SCAN_STATUS_UNSPECIFIED: ScanStatus
SCAN_STATUS_NEVER: ScanStatus
SCAN_STATUS_INCOMPLETE: ScanStatus
SCAN_STATUS_COMPLETE: ScanStatus
REPORT_OUTCOME_UNSPECIFIED: ReportOutcome
REPORT_OUTCOME_ACCEPTED: ReportOutcome
REPORT_OUTCOME_STALE: ReportOutcome
REPORT_OUTCOME_UNKNOWN_SERVICE: ReportOutcome
REPORT_OUTCOME_INVALID: ReportOutcome

class GetServicesRequest(_message.Message):
    __slots__ = ("environment_id", "tenant_id", "page_size", "page_token")
    ENVIRONMENT_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    environment_id: str
    tenant_id: str
    page_size: int
    page_token: str
    def __init__(self, environment_id: _Optional[str] = ..., tenant_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetServicesResponse(_message.Message):
    __slots__ = ("environment_id", "revision", "services", "next_page_token")
    ENVIRONMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    environment_id: str
    revision: str
    services: _containers.RepeatedCompositeFieldContainer[RuntimeService]
    next_page_token: str
    def __init__(self, environment_id: _Optional[str] = ..., revision: _Optional[str] = ..., services: _Optional[_Iterable[_Union[RuntimeService, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RuntimeService(_message.Message):
    __slots__ = ("service_id", "module_id", "target", "image", "version", "replicas", "status", "health", "endpoint_url", "deployment_id", "source", "observed_at", "generation")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    MODULE_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_URL_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_AT_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    module_id: str
    target: ComputeTarget
    image: str
    version: str
    replicas: int
    status: str
    health: HealthStatus
    endpoint_url: str
    deployment_id: str
    source: str
    observed_at: _timestamp_pb2.Timestamp
    generation: int
    def __init__(self, service_id: _Optional[str] = ..., module_id: _Optional[str] = ..., target: _Optional[_Union[ComputeTarget, str]] = ..., image: _Optional[str] = ..., version: _Optional[str] = ..., replicas: _Optional[int] = ..., status: _Optional[str] = ..., health: _Optional[_Union[HealthStatus, str]] = ..., endpoint_url: _Optional[str] = ..., deployment_id: _Optional[str] = ..., source: _Optional[str] = ..., observed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., generation: _Optional[int] = ...) -> None: ...

class StreamHealthRequest(_message.Message):
    __slots__ = ("service_id", "environment_id", "resume_token")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    environment_id: str
    resume_token: str
    def __init__(self, service_id: _Optional[str] = ..., environment_id: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class StreamHealthResponse(_message.Message):
    __slots__ = ("resume_token", "result", "heartbeat")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    result: HealthCheckResult
    heartbeat: Heartbeat
    def __init__(self, resume_token: _Optional[str] = ..., result: _Optional[_Union[HealthCheckResult, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("sent_at",)
    SENT_AT_FIELD_NUMBER: _ClassVar[int]
    sent_at: _timestamp_pb2.Timestamp
    def __init__(self, sent_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class HealthCheckResult(_message.Message):
    __slots__ = ("service_id", "environment_id", "status", "checks", "evaluated_at", "stale", "observed_image")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_AT_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_IMAGE_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    environment_id: str
    status: HealthStatus
    checks: _containers.RepeatedCompositeFieldContainer[HealthCheck]
    evaluated_at: _timestamp_pb2.Timestamp
    stale: bool
    observed_image: str
    def __init__(self, service_id: _Optional[str] = ..., environment_id: _Optional[str] = ..., status: _Optional[_Union[HealthStatus, str]] = ..., checks: _Optional[_Iterable[_Union[HealthCheck, _Mapping]]] = ..., evaluated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stale: _Optional[bool] = ..., observed_image: _Optional[str] = ...) -> None: ...

class HealthCheck(_message.Message):
    __slots__ = ("name", "status", "duration")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    status: HealthStatus
    duration: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., status: _Optional[_Union[HealthStatus, str]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetFindingsRequest(_message.Message):
    __slots__ = ("environment_id", "statuses", "page_size", "page_token")
    ENVIRONMENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    environment_id: str
    statuses: _containers.RepeatedScalarFieldContainer[str]
    page_size: int
    page_token: str
    def __init__(self, environment_id: _Optional[str] = ..., statuses: _Optional[_Iterable[str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetFindingsResponse(_message.Message):
    __slots__ = ("environment_id", "findings", "last_scan", "next_page_token")
    ENVIRONMENT_ID_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    LAST_SCAN_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    environment_id: str
    findings: _containers.RepeatedCompositeFieldContainer[DriftFinding]
    last_scan: Scan
    next_page_token: str
    def __init__(self, environment_id: _Optional[str] = ..., findings: _Optional[_Iterable[_Union[DriftFinding, _Mapping]]] = ..., last_scan: _Optional[_Union[Scan, _Mapping]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DriftFinding(_message.Message):
    __slots__ = ("finding_id", "service_id", "kind", "desired", "actual", "severity", "status", "detected_at", "last_seen_at", "occurrences")
    FINDING_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    ACTUAL_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETECTED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCES_FIELD_NUMBER: _ClassVar[int]
    finding_id: str
    service_id: str
    kind: str
    desired: str
    actual: str
    severity: Severity
    status: str
    detected_at: _timestamp_pb2.Timestamp
    last_seen_at: _timestamp_pb2.Timestamp
    occurrences: int
    def __init__(self, finding_id: _Optional[str] = ..., service_id: _Optional[str] = ..., kind: _Optional[str] = ..., desired: _Optional[str] = ..., actual: _Optional[str] = ..., severity: _Optional[_Union[Severity, str]] = ..., status: _Optional[str] = ..., detected_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., occurrences: _Optional[int] = ...) -> None: ...

class Scan(_message.Message):
    __slots__ = ("started_at", "completed_at", "status", "not_reached")
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    NOT_REACHED_FIELD_NUMBER: _ClassVar[int]
    started_at: _timestamp_pb2.Timestamp
    completed_at: _timestamp_pb2.Timestamp
    status: ScanStatus
    not_reached: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[_Union[ScanStatus, str]] = ..., not_reached: _Optional[_Iterable[str]] = ...) -> None: ...

class ReportHealthRequest(_message.Message):
    __slots__ = ("report_id", "result")
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    report_id: str
    result: HealthCheckResult
    def __init__(self, report_id: _Optional[str] = ..., result: _Optional[_Union[HealthCheckResult, _Mapping]] = ...) -> None: ...

class ReportHealthResponse(_message.Message):
    __slots__ = ("report_id", "outcome", "message")
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    report_id: str
    outcome: ReportOutcome
    message: str
    def __init__(self, report_id: _Optional[str] = ..., outcome: _Optional[_Union[ReportOutcome, str]] = ..., message: _Optional[str] = ...) -> None: ...
