"""The backend of `shared.kernel.telemetry` on OpenTelemetry: to Azure Monitor, to a collector over OTLP, or to both.

Imported by `telemetry.start` alone: everything here costs its import. Every span is kept, whatever the caller's header says
of sampling: what an operator looks for is the rare one. Nothing of other libraries is instrumented.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from opentelemetry import metrics, trace
from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.kernel import telemetry
from shared.kernel.lines import Line
from shared.kernel.metrics import INSTRUMENTS, Instrument, Shape
from shared.kernel.settings import Settings
from shared.kernel.telemetry import Attribute, SpanKind

SCOPE = "runtime-cloud"
PATIENCE = 1.5  # seconds, of a process that ends
EVERY = 5.0  # seconds between two times that something leaves
_KINDS = {
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.PRODUCER: trace.SpanKind.PRODUCER,
    SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
}
_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
_COUNTED = Instrument(Shape.COUNTER, "1", "")
_OWN = ("opentelemetry", "azure", "urllib3", "requests")  # loggers of whatever exports: a line of theirs would cause more


@dataclass(frozen=True)
class Recorded:
    span: trace.Span

    @property
    def traceparent(self) -> str:
        place = self.span.get_span_context()
        return f"00-{place.trace_id:032x}-{place.span_id:016x}-{place.trace_flags:02x}"

    def rename(self, name: str) -> None:
        self.span.update_name(name)

    def set(self, name: str, value: Attribute) -> None:
        self.span.set_attribute(name, value)

    def fail(self, reason: str) -> None:
        self.span.set_status(trace.StatusCode.ERROR, reason)


@dataclass
class Exporting:
    traces: TracerProvider
    values: MeterProvider
    logs: LoggerProvider
    _instruments: dict[str, Any] = field(default_factory=dict)
    _propagator: TraceContextTextMapPropagator = field(default_factory=TraceContextTextMapPropagator)

    def __post_init__(self) -> None:
        self.tracer, self.meter = self.traces.get_tracer(SCOPE), self.values.get_meter(SCOPE)

    def flush(self) -> None:
        """Give away what has not left yet; blocks for seconds at most."""
        for provider in (self.traces, self.values, self.logs):
            provider.force_flush(int(PATIENCE * 1000))

    def end(self) -> None:
        """The same, and take nothing any more."""
        self.flush()
        for provider in (self.traces, self.values, self.logs):
            provider.shutdown()

    @contextmanager
    def open(self, name: str, kind: SpanKind, parent: str) -> Iterator[Recorded]:
        around = self._propagator.extract({"traceparent": parent})
        with self.tracer.start_as_current_span(
            name, around, _KINDS[kind], record_exception=False, set_status_on_exception=False
        ) as span:
            yield Recorded(span)

    def measure(self, metric: str, value: float, dimensions: Mapping[str, str]) -> None:
        how = INSTRUMENTS.get(metric, _COUNTED)
        made = self._instruments.get(metric)
        if made is None:
            made = self._instruments[metric] = self._made(metric, how)
        match how.shape:
            case Shape.GAUGE:
                made.set(value, dimensions)
            case Shape.HISTOGRAM:
                made.record(value, dimensions)
            case Shape.COUNTER:
                made.add(value, dimensions)

    def _made(self, metric: str, how: Instrument) -> Any:
        make: Mapping[Shape, Callable[..., Any]] = {
            Shape.GAUGE: self.meter.create_gauge,
            Shape.HISTOGRAM: self.meter.create_histogram,
            Shape.COUNTER: self.meter.create_counter,
        }
        return make[how.shape](metric, unit=how.unit, description=how.description)


class Lines(logging.Handler):
    """The log as records: the text without its fields, and the fields as attributes."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        if not isinstance(record, Line) or record.name.startswith(_OWN):
            return
        attributes: dict[str, str] = {**record.fields, "logger.name": record.name}
        if record.exc_text:
            attributes["exception.stacktrace"] = record.exc_text
        self._logger.emit(
            timestamp=int(record.created * 1e9),
            severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.UNSPECIFIED),
            severity_text=record.levelname,
            body=record.text,
            attributes=attributes,
        )


def install(settings: Settings, service: str, *, lines: bool) -> Exporting:
    """Take telemetry from now on. `lines`: also give Azure Monitor the log; a collector gets it in any case."""
    wanted, resource = settings.telemetry, Resource.create({"service.name": service, "service.namespace": SCOPE})
    logs = LoggerProvider(resource)
    if wanted.otlp_endpoint:
        logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{wanted.otlp_endpoint}/v1/logs")))
    if wanted.azure_monitor:
        backend = _azure_monitor(settings, resource, logs)
        if lines:
            logs.add_log_record_processor(BatchLogRecordProcessor(_azure_monitor_log(settings)))
    else:
        backend = _collector(resource, logs, _span_processors(wanted.otlp_endpoint), _readers(wanted.otlp_endpoint))
    telemetry.to(backend)
    if wanted.otlp_endpoint or lines:
        logging.getLogger().addHandler(Lines(logs.get_logger(SCOPE)))
    return backend


def _span_processors(endpoint: str) -> list[SpanProcessor]:
    if not endpoint:
        return []
    return [BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces"), schedule_delay_millis=EVERY * 1000)]


def _readers(endpoint: str) -> list[MetricReader]:
    if not endpoint:
        return []
    return [PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics"), EVERY * 1000)]


def _collector(
    resource: Resource, logs: LoggerProvider, processors: list[SpanProcessor], readers: list[MetricReader]
) -> Exporting:
    traces = TracerProvider(ALWAYS_ON, resource)
    for processor in processors:
        traces.add_span_processor(processor)
    return Exporting(traces, MeterProvider(readers, resource), logs)


def _azure_monitor(settings: Settings, resource: Resource, logs: LoggerProvider) -> Exporting:
    from azure.monitor.opentelemetry import configure_azure_monitor

    libraries = ("azure_sdk", "django", "fastapi", "flask", "httpx", "psycopg2", "requests", "urllib", "urllib3")
    configure_azure_monitor(
        **_azure(settings),
        resource=resource,
        sampling_ratio=1.0,
        span_processors=_span_processors(settings.telemetry.otlp_endpoint),
        metric_readers=_readers(settings.telemetry.otlp_endpoint),
        instrumentation_options={library: {"enabled": False} for library in libraries},
        logger_name=f"{SCOPE}.nobody",  # our own handler knows the fields, and logging can only be aimed elsewhere
        enable_live_metrics=False,
        enable_performance_counters=False,
    )
    traces, values = trace.get_tracer_provider(), metrics.get_meter_provider()
    return Exporting(cast(TracerProvider, traces), cast(MeterProvider, values), logs)


def _azure_monitor_log(settings: Settings) -> Any:
    from azure.monitor.opentelemetry.exporter import AzureMonitorLogExporter

    return AzureMonitorLogExporter(**_azure(settings))


def _azure(settings: Settings) -> dict[str, Any]:
    """How to reach the component: as the managed identity where there is one, since it takes no key alone."""
    reached: dict[str, Any] = {"connection_string": settings.telemetry.azure_monitor, "disable_offline_storage": True}
    if settings.identity.managed_identity_client_id:
        from azure.identity import ManagedIdentityCredential

        reached["credential"] = ManagedIdentityCredential(client_id=settings.identity.managed_identity_client_id)
    return reached
