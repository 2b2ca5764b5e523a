"""One trace id from a request to everything it causes."""

from __future__ import annotations

import re

import pytest

from shared.kernel.trace import trace_id_of, traceparent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "header",
    [f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00", f"cc-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-01-what-comes"],
)
def test_a_valid_traceparent_gives_its_trace(header: str) -> None:
    assert trace_id_of(header) == f"trace-{TRACE}"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01\n",
        f" 00-{TRACE}-{PARENT}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
    ],
)
def test_anything_else_gives_a_new_trace_and_no_error(header: str | None) -> None:
    given = trace_id_of(header)
    assert re.fullmatch(r"trace-[0-9a-f]{32}", given)
    assert given != f"trace-{TRACE}"
    assert given != trace_id_of(header)


def test_what_continues_a_trace_leads_back_to_it() -> None:
    continued = traceparent_of(f"trace-{TRACE}")
    assert trace_id_of(continued) == f"trace-{TRACE}"
    assert continued != traceparent_of(f"trace-{TRACE}"), "each message is a span of its own"
