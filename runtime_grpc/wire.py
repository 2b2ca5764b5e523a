"""The generated messages under one short name, and our words as theirs.

Every enumeration of the wire has `…_UNSPECIFIED`; a word that the wire does not know becomes that and never an error: a
newer release of the platform must not break older clients.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from runtime_grpc.generated.connectsoft.factory.runtime.v1 import runtime_pb2 as pb
from shared.runtime.catalog.model import RuntimeService
from shared.runtime.drift.model import Finding, Scan
from shared.runtime.health.document import Check, HealthStatus
from shared.runtime.health.inventory import Seen

__all__ = ["PACKAGE", "finding", "health_result", "instant_of", "pb", "scan", "service", "status_of", "timestamp"]

PACKAGE = "connectsoft.factory.runtime.v1"


def timestamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    made = Timestamp()
    made.FromDatetime(at.astimezone(UTC))
    return made


def instant_of(stamp: Timestamp) -> datetime:
    """Raises `ValueError` for what is no instant of the calendar."""
    try:
        at: datetime = stamp.ToDatetime(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error
    return at


def status_of(number: int) -> HealthStatus | None:
    """Our word for the wire's number; None for unspecified and for what is not known here."""
    return next((status for status in HealthStatus if _number("HealthStatus", status) == number), None)


def service(row: RuntimeService, seen: Seen) -> Any:
    """An inventory row. `status` is the word that REST shows, `health` the same as a number."""
    return pb.RuntimeService(
        service_id=row.service_id,
        module_id=row.service_id,  # decisions.md: `serviceId` is the component's `moduleId`
        target=_number("ComputeTarget", row.target),
        image=row.image,
        version=row.version,
        replicas=row.replicas,
        status=seen.status.value,
        health=_number("HealthStatus", seen.status),
        endpoint_url=row.endpoint_url,
        deployment_id=row.deployment_id,
        source=row.source.value,
        observed_at=timestamp(row.observed_at),
        generation=row.generation,
    )


def health_result(service_id: str, environment_id: str, seen: Seen) -> Any:
    return pb.HealthCheckResult(
        service_id=service_id,
        environment_id=environment_id,
        status=_number("HealthStatus", seen.status),
        checks=[_check(check) for check in seen.checks],
        evaluated_at=timestamp(seen.evaluated_at),
        stale=seen.stale,
        observed_image=seen.service.image if seen.service else None,
    )


def _check(check: Check) -> Any:
    made = pb.HealthCheck(name=check.name, status=_number("HealthStatus", check.status))
    if check.duration_ms is not None:
        made.duration.FromTimedelta(timedelta(milliseconds=check.duration_ms))
    return made


def finding(found: Finding) -> Any:
    return pb.DriftFinding(
        finding_id=found.finding_id,
        service_id=found.service_id,
        kind=found.kind,
        desired=found.desired,
        actual=found.actual,
        severity=_number("Severity", found.severity),
        status=found.status,
        detected_at=timestamp(found.detected_at),
        last_seen_at=timestamp(found.last_seen_at),
        occurrences=found.occurrences,
    )


def scan(last: Scan) -> Any:
    return pb.Scan(
        started_at=timestamp(last.started_at),
        completed_at=timestamp(last.completed_at),
        status=_number("ScanStatus", last.status),
        not_reached=last.not_reached,
    )


def _number(enumeration: str, word: str) -> Any:
    """`container-apps` of `ComputeTarget` is `COMPUTE_TARGET_CONTAINER_APPS`; 0 for a word that the wire lacks."""
    return _NUMBERS[enumeration].get(word.replace("-", "_").upper(), 0)


def _numbers(enumeration: Any) -> dict[str, int]:
    prefix = enumeration.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {value.name.removeprefix(prefix): value.number for value in enumeration.values}


_NUMBERS = {name: _numbers(enumeration) for name, enumeration in pb.DESCRIPTOR.enum_types_by_name.items()}
