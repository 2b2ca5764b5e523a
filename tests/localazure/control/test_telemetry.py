"""What the platform tells over OTLP arrives at the collector of `up`, by the real exporters and the real protocol."""

import asyncio
import gzip
import logging

import pytest

from shared.azure.exporting import install
from shared.kernel import lines, metrics, telemetry
from shared.kernel.settings import read
from shared.kernel.telemetry import SpanKind, span
from tests.support.serving import serving
from tests.unit.kernel.test_settings import NEEDED

TRACE = "ab" * 16
UNSAMPLED = f"00-{TRACE}-{'cd' * 8}-00"


@pytest.fixture
async def told(platform):
    """A process that tells the collector; `flush` waits until everything arrived."""
    before, factory, handlers = telemetry.to(None), logging.getLogRecordFactory(), [*logging.root.handlers]
    lines.install()
    async with serving(platform.app) as port:
        endpoint = f"http://127.0.0.1:{port}/telemetry"
        exporting = install(read(NEEDED | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}), "runtime-api", lines=False)
        yield lambda: asyncio.to_thread(exporting.flush)
        await asyncio.to_thread(exporting.end)
    telemetry.to(before)
    logging.root.handlers[:] = handlers
    logging.setLogRecordFactory(factory)


async def test_spans_arrive_with_their_places_in_the_trace_sampled_by_the_caller_or_not(platform, told):
    with span("GET /x", SpanKind.SERVER, UNSAMPLED, http__route="/x") as outer, span("work", SpanKind.INTERNAL):
        lines.add(tenant_id="contoso")
    await told()
    found = (await platform.client.get("/telemetry", params={"traceId": TRACE})).json()["spans"]
    by_name = {one["name"]: one for one in found}
    assert by_name["GET /x"]["parentSpanId"] == "cd" * 8
    assert by_name["work"]["parentSpanId"] == by_name["GET /x"]["spanId"] == outer.traceparent.split("-")[2]
    assert by_name["GET /x"]["attributes"]["http.route"] == "/x"
    assert (by_name["GET /x"]["kind"], by_name["GET /x"]["service"]) == ("server", "runtime-api")
    assert by_name["work"]["attributes"]["tenantId"] == "contoso"


async def test_what_fails_is_marked(platform, told):
    with pytest.raises(KeyError), span("fails", SpanKind.INTERNAL, UNSAMPLED):
        raise KeyError
    await told()
    (found,) = (await platform.client.get("/telemetry", params={"traceId": TRACE})).json()["spans"]
    assert found["failed"]
    assert found["attributes"]["error.type"] == "KeyError"


async def test_lines_arrive_as_records_with_their_fields(platform, told):
    logger = logging.getLogger("shared.some")
    with span("work", SpanKind.INTERNAL, UNSAMPLED), lines.bound(tenant_id="contoso"):
        logger.warning("%s waits", "it")
    await told()
    (found,) = (await platform.client.get("/telemetry", params={"traceId": TRACE})).json()["lines"]
    assert (found["text"], found["severity"]) == ("it waits", "WARNING")
    assert (found["attributes"]["tenantId"], found["attributes"]["correlationId"]) == ("contoso", f"corr-{TRACE}")


async def test_each_metric_arrives_in_its_shape_and_unit(platform, told):
    for name in metrics.INSTRUMENTS:
        metrics.record(name, 2.0, severity="High")
        metrics.record(name, 3.0, severity="High")
    metrics.count("messages.failed", source="work")
    await told()
    found = {one["name"]: one for one in (await platform.client.get("/telemetry")).json()["metrics"]}
    assert metrics.INSTRUMENTS.keys() | {"messages.failed"} <= found.keys()
    assert found[metrics.DRIFT_OPEN]["value"] == 3.0
    assert found[metrics.SCALING_ACTIONS]["value"] == 5.0
    assert (found[metrics.DEPLOYMENT_DURATION]["count"], found[metrics.DEPLOYMENT_DURATION]["sum"]) == (2, 5.0)
    assert {name: found[name]["unit"] for name in metrics.INSTRUMENTS} == {
        name: how.unit for name, how in metrics.INSTRUMENTS.items()
    }


@pytest.mark.parametrize(
    ("signal", "body", "encoding"),
    [
        ("traces", b"no protobuf", ""),
        ("traces", b"no gzip", "gzip"),
        ("nonsense", b"", ""),
        ("logs", gzip.compress(b"no", mtime=0), "gzip"),
    ],
)
async def test_what_is_no_otlp_is_refused(platform, signal, body, encoding):
    answer = await platform.client.post(f"/telemetry/v1/{signal}", content=body, headers={"content-encoding": encoding})
    assert answer.status_code == 400
    assert (await platform.client.get("/telemetry")).json() == {"spans": [], "lines": [], "metrics": []}
