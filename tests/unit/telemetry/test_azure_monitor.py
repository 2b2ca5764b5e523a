"""What reaches Application Insights by the real distribution, in a process of its own; what no process loads unasked."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shared.kernel import metrics

ROOT = Path(__file__).resolve().parents[3]
QUIET = {"APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "True", "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "True"}


class Ingestion(ThreadingHTTPServer):
    """Takes everything that is told, as the service's `/v2.1/track` does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Track)
        self.taken: list[dict[str, Any]] = []


class Track(BaseHTTPRequestHandler):
    server: Ingestion

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        content = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        told = json.loads(content)
        told = told if isinstance(told, list) else [told]
        self.server.taken += told
        answer = json.dumps({"itemsReceived": len(told), "itemsAccepted": len(told), "errors": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def ingestion() -> Iterator[Ingestion]:
    with Ingestion() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_span_a_metric_and_a_line_arrive_with_their_fields(ingestion: Ingestion) -> None:
    command = [sys.executable, "-m", "tests.unit.telemetry.told_azure", f"http://127.0.0.1:{ingestion.server_port}/"]
    environment = os.environ | QUIET | {"NO_PROXY": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert [one["data"]["baseType"] for one in ingestion.taken].count("MessageData") == 1
    by_kind = {one["data"]["baseType"]: one for one in ingestion.taken}
    request, line = by_kind["RequestData"], by_kind["MessageData"]
    assert request["data"]["baseData"]["name"] == "GET /x"
    assert request["tags"]["ai.operation.id"] == "ab" * 16, "also where the caller's header is not sampled"
    assert line["data"]["baseData"]["message"] == "it failed"
    assert line["data"]["baseData"]["properties"]["tenantId"] == "contoso"
    names = {each["name"] for one in ingestion.taken for each in one["data"]["baseData"].get("metrics", [])}
    assert metrics.OUTBOX_LAG in names


def test_the_app_loads_no_backend_that_nobody_asked_for() -> None:
    unasked = ("azure.monitor", "opentelemetry.exporter", "shared.azure.exporting")
    look = f"import sys, function_app; print([one for one in sys.modules if one.startswith({unasked})])"
    told = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert told.stdout.strip() == "[]", told.stderr
