"""A request and what it causes, in one process: its span, its activities' and its job's are one trace."""

from __future__ import annotations

from shared.kernel.telemetry import SpanKind
from shared.kernel.trace import trace_id_of
from tests.unit.doubles.platform import Platform
from tests.unit.telemetry.recorder import recording
from tests.unit.telemetry.test_canary import ENVIRONMENT

TRACE = "12" * 16
TRACEPARENT = f"00-{TRACE}-{'cd' * 8}-01"


async def test_a_request_is_a_span_by_its_route_and_says_how_it_ended() -> None:
    platform = Platform()
    with recording() as taken:
        await platform.ask("GET", "/environments/env-" + "0" * 16, traceparent=TRACEPARENT)
    served = taken.spans[0]
    assert (served.name, served.kind, served.parent) == (
        "GET /v1/runtime/environments/{environmentId}",
        SpanKind.SERVER,
        TRACEPARENT,
    )
    assert served.attributes["http.route"] == "/v1/runtime/environments/{environmentId}"
    assert served.attributes["http.response.status_code"] == 404
    assert served.failed is None, "a caller's mistake is no failure of ours"


async def test_what_a_request_starts_is_below_its_span() -> None:
    platform = Platform()
    with recording() as taken:
        made = await platform.send("POST", "/environments", ENVIRONMENT, traceparent=TRACEPARENT)
        await platform.settle()
    assert made["traceId"] == f"trace-{TRACE}"
    of_trace = [one for one in taken.spans if trace_id_of(one.traceparent) == made["traceId"]]
    activities = [one for one in of_trace if one.kind is SpanKind.INTERNAL]
    assert {"provision_claim", "provision_complete"} <= {one.name for one in activities}
    assert {one.attributes["projectId"] for one in activities} == {"proj-shop"}
    assert {one.attributes["correlationId"] for one in of_trace} == {f"corr-{TRACE}"}
