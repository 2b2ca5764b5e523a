"""Where a span stands in its trace, with and without somebody who takes it."""

from __future__ import annotations

import asyncio

import pytest

from shared.kernel import lines
from shared.kernel.telemetry import SpanKind, continuing, span
from shared.kernel.trace import continued, trace_id_of
from tests.unit.telemetry.recorder import recording

TRACEPARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


def test_a_span_is_below_the_one_around_it_and_in_its_trace() -> None:
    with (
        recording() as taken,
        span("outer", SpanKind.SERVER, TRACEPARENT) as outer,
        span("inner", SpanKind.INTERNAL) as inner,
    ):
        assert inner.trace_id == outer.trace_id == f"trace-{'ab' * 16}"
    assert [one.parent for one in taken.spans] == [TRACEPARENT, outer.traceparent]
    assert all(one.ended for one in taken.spans)


def test_without_a_backend_the_trace_goes_on_all_the_same() -> None:
    with span("outer", SpanKind.SERVER, TRACEPARENT), span("inner", SpanKind.INTERNAL) as inner:
        assert trace_id_of(inner.traceparent) == f"trace-{'ab' * 16}"


def test_what_nobody_began_is_a_trace_of_its_own() -> None:
    with span("one", SpanKind.INTERNAL) as one:
        pass
    with span("another", SpanKind.INTERNAL) as another:
        pass
    assert one.trace_id != another.trace_id


def test_what_is_raised_marks_the_span_and_goes_on() -> None:
    with recording() as taken, pytest.raises(KeyError), span("fails", SpanKind.INTERNAL):
        raise KeyError("the text is nobody's business")
    assert (taken.spans[0].failed, taken.spans[0].attributes["error.type"]) == ("KeyError", "KeyError")


def test_the_fields_that_became_known_inside_are_attributes() -> None:
    with recording() as taken, span("learns", SpanKind.INTERNAL, TRACEPARENT):
        lines.add(tenant_id="contoso", module_id="booking")
    found = taken.spans[0].attributes
    assert (found["tenantId"], found["moduleId"], found["correlationId"]) == ("contoso", "booking", f"corr-{'ab' * 16}")
    assert lines.fields() == lines.Fields(), "nothing of it is left behind"


def test_only_what_is_of_the_same_trace_continues_below_the_span_around() -> None:
    with span("sweep", SpanKind.INTERNAL, TRACEPARENT) as around:
        assert continuing(around.trace_id) == around.traceparent
        assert trace_id_of(continuing("trace-" + "12" * 16)) == "trace-" + "12" * 16


async def test_works_beside_each_other_keep_their_own_fields() -> None:
    async def work(tenant: str) -> tuple[str, str]:
        with span(tenant, SpanKind.INTERNAL) as own:
            lines.add(tenant_id=tenant)
            await asyncio.sleep(0)
            return lines.fields().tenant_id, own.trace_id

    told = await asyncio.gather(work("contoso"), work("fabrikam"))
    assert [tenant for tenant, _ in told] == ["contoso", "fabrikam"]
    assert told[0][1] != told[1][1]


@pytest.mark.parametrize("header", [None, "", "nonsense", f"00-{'0' * 32}-{'cd' * 8}-01", TRACEPARENT + "\n"])
def test_a_header_that_is_none_begins_a_trace(header: str | None) -> None:
    assert continued(header) != continued(header)


def test_a_valid_header_is_continued_as_it_is() -> None:
    assert continued(TRACEPARENT) == TRACEPARENT
