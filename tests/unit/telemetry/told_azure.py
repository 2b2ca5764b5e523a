"""A process that tells Azure Monitor one span, one metric and one line: `python told_azure.py <ingestion endpoint>`."""

import logging
import sys

from shared.azure import telemetry
from shared.kernel import lines, metrics
from shared.kernel.settings import read
from shared.kernel.telemetry import SpanKind, span
from tests.unit.kernel.test_settings import NEEDED

COMPONENT = "InstrumentationKey=00000000-0000-4000-8000-000000000001"

lines.install()
reached = f"{COMPONENT};IngestionEndpoint={sys.argv[1]}"
settings = read(NEEDED | {"APPLICATIONINSIGHTS_CONNECTION_STRING": reached})
telling = telemetry.start(settings, telemetry.Service("runtime-grpc"))
telling.wait()
with span("GET /x", SpanKind.SERVER, f"00-{'ab' * 16}-{'cd' * 8}-00", http__route="/x"), lines.bound(tenant_id="contoso"):
    logging.getLogger("shared.some").error("it failed")
metrics.record(metrics.OUTBOX_LAG, 3.0)
telling.end()
