"""A collector: takes what comes over OTLP/HTTP (protobuf, plain or gzip) and keeps the last of it, readable as JSON.

Kept in memory while the stand-ins run, `MOST` of each signal; of a metric's series the last point. The names are those of
OTLP's own JSON where there is one, ids are hexadecimal as everywhere else. What is no OTLP is refused with 400.
"""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

MOST = 20_000
Json = dict[str, Any]


@dataclass
class Collector:
    _spans: deque[Json] = field(default_factory=lambda: deque(maxlen=MOST))
    _lines: deque[Json] = field(default_factory=lambda: deque(maxlen=MOST))
    _points: dict[tuple[Any, ...], Json] = field(default_factory=dict)

    def take(self, signal: str, body: bytes, encoding: str = "") -> None:
        """Keep an export request. `signal`: traces, metrics or logs. Raises `ValueError`."""
        content = _plain(body, encoding)
        match signal:
            case "traces":
                self._spans.extend(_spans(_read(ExportTraceServiceRequest(), content)))
            case "logs":
                self._lines.extend(_lines(_read(ExportLogsServiceRequest(), content)))
            case "metrics":
                for point in _points(_read(ExportMetricsServiceRequest(), content)):
                    key = (point["service"], point["name"], *sorted(point["attributes"].items()))
                    if key in self._points or len(self._points) < MOST:
                        self._points[key] = point
            case _:
                raise ValueError(f"{signal} is no signal: traces, metrics, logs")

    def document(self, trace_id: str | None = None) -> Json:
        """`GET /telemetry`, oldest first; with `trace_id` (32 hex digits) of that trace alone, and no metrics."""
        if trace_id is None:
            return {"spans": list(self._spans), "lines": list(self._lines), "metrics": list(self._points.values())}
        return {
            "spans": [span for span in self._spans if span["traceId"] == trace_id],
            "lines": [line for line in self._lines if line["attributes"].get("traceId") == f"trace-{trace_id}"],
            "metrics": [],
        }


def _plain(body: bytes, encoding: str) -> bytes:
    try:
        return gzip.decompress(body) if encoding == "gzip" else body
    except (OSError, EOFError, zlib.error) as broken:
        raise ValueError("body: not gzip") from broken


def _read(request: Any, content: bytes) -> Any:
    assert isinstance(request, Message)  # noqa: S101 - the table above
    try:
        request.ParseFromString(content)
    except DecodeError as broken:
        raise ValueError("body: not OTLP as protobuf") from broken
    return request


def _spans(request: Any) -> Iterator[Json]:
    for resource in request.resource_spans:
        service = _service(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "service": service,
                    "name": span.name,
                    "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                    "traceId": span.trace_id.hex(),
                    "spanId": span.span_id.hex(),
                    "parentSpanId": span.parent_span_id.hex(),
                    "startTimeUnixNano": span.start_time_unix_nano,
                    "endTimeUnixNano": span.end_time_unix_nano,
                    "attributes": _attributes(span.attributes),
                    "failed": span.status.code == Status.STATUS_CODE_ERROR,
                }


def _lines(request: Any) -> Iterator[Json]:
    for resource in request.resource_logs:
        service = _service(resource.resource.attributes)
        for scope in resource.scope_logs:
            for line in scope.log_records:
                yield {
                    "service": service,
                    "timeUnixNano": line.time_unix_nano,
                    "severity": line.severity_text,
                    "text": _value(line.body),
                    "attributes": _attributes(line.attributes),
                }


def _points(request: Any) -> Iterator[Json]:
    for resource in request.resource_metrics:
        service = _service(resource.resource.attributes)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                shape = metric.WhichOneof("data")
                for point in getattr(metric, shape).data_points:
                    yield {
                        "service": service,
                        "name": metric.name,
                        "unit": metric.unit,
                        "shape": shape,
                        "attributes": _attributes(point.attributes),
                        **_measured(shape, point),
                    }


def _measured(shape: str, point: Any) -> Json:
    if shape in ("histogram", "exponential_histogram"):
        return {"count": point.count, "sum": point.sum}
    return {"value": getattr(point, point.WhichOneof("value") or "as_int")}


def _service(attributes: Iterable[KeyValue]) -> str:
    return str(_attributes(attributes).get("service.name", ""))


def _attributes(attributes: Iterable[KeyValue]) -> Mapping[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: AnyValue) -> Any:
    """Scalars as they are, whatever is made of others as text."""
    kind = value.WhichOneof("value") or ""
    return getattr(value, kind) if kind in ("string_value", "bool_value", "int_value", "double_value") else str(value)
