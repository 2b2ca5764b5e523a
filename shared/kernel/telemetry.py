"""Spans and what they belong to, without knowing who takes them: until `to` gives a backend, nobody does.

A span has its place in a trace in either case, so that what a request causes carries the request's trace id through
orchestrations, messages and calls whether or not anybody looks. The backend is shared/azure/telemetry.py's.

Invariant: opening a span never fails the work inside, and an attribute or a name never holds a secret (`redaction`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from shared.kernel import lines
from shared.kernel.redaction import redacted
from shared.kernel.trace import continued, trace_id_of, traceparent_of

Attribute = str | int | float | bool


class SpanKind(StrEnum):
    SERVER = "server"
    PRODUCER = "producer"
    CONSUMER = "consumer"
    INTERNAL = "internal"


class Recorded(Protocol):
    """A span as a backend keeps it."""

    @property
    def traceparent(self) -> str: ...
    def rename(self, name: str) -> None: ...
    def set(self, name: str, value: Attribute) -> None: ...
    def fail(self, reason: str) -> None: ...


class Backend(Protocol):
    def open(self, name: str, kind: SpanKind, parent: str) -> AbstractContextManager[Recorded]:
        """A span below the one that `parent`, a traceparent, names."""

    def measure(self, metric: str, value: float, dimensions: Mapping[str, str]) -> None:
        """A value of a metric in `metrics.INSTRUMENTS`, or one more of what is only counted."""


@dataclass
class _Taking:
    backend: Backend | None = None


_taking = _Taking()


def to(backend: Backend | None) -> Backend | None:
    """Give everything to `backend` from now on, None for nobody; answers who took it before."""
    before, _taking.backend = _taking.backend, backend
    return before


def is_taken() -> bool:
    """Whether anybody takes what is told: what is read for telemetry alone need not be read for nobody."""
    return _taking.backend is not None


def measure(metric: str, value: float, dimensions: Mapping[str, str]) -> None:
    if _taking.backend is not None:
        _taking.backend.measure(metric, value, dimensions)


@dataclass(frozen=True)
class Span:
    """An open span, for whoever opened it. Where nobody takes spans, nothing is recorded, and its place in the trace is its
    parent's."""

    traceparent: str
    recorded: Recorded | None

    @property
    def trace_id(self) -> str:
        return trace_id_of(self.traceparent)

    def rename(self, name: str) -> None:
        if self.recorded is not None:
            self.recorded.rename(redacted(name))

    def set(self, **attributes: Attribute) -> None:
        """`__` in a name stands for a dot, as in `http__route`."""
        if self.recorded is not None:
            for name, value in attributes.items():
                self.recorded.set(name.replace("__", "."), redacted(value) if isinstance(value, str) else value)

    def fail(self, reason: str) -> None:
        """`reason`: a code or the name of a type, never a text."""
        if self.recorded is not None:
            self.recorded.set("error.type", reason)
            self.recorded.fail(reason)


_current: ContextVar[Span | None] = ContextVar("span", default=None)


@contextmanager
def span(name: str, kind: SpanKind, parent: str | None = None, **attributes: Attribute) -> Iterator[Span]:
    """The work inside as a span; lines inside carry its trace id, and the span the fields bound by its end.

    `parent`: a traceparent; without one the span around it is meant, else a trace begins. `attributes`: as in `Span.set`.
    What is raised inside marks it as failed.
    """
    around = _current.get()
    parent = parent or (around.traceparent if around else continued(None))
    with _recorded(name, kind, parent) as recorded:
        opened = Span(recorded.traceparent if recorded else parent, recorded)
        token = _current.set(opened)
        opened.set(**attributes)
        with lines.bound(trace_id=opened.trace_id):
            try:
                yield opened
            except BaseException as error:  # also what was cancelled did not succeed; raised again
                opened.fail(type(error).__name__)
                raise
            finally:
                if recorded is not None:
                    opened.set(**{field: value for field, value in lines.fields().document().items() if value})
                _current.reset(token)


def _recorded(name: str, kind: SpanKind, parent: str) -> AbstractContextManager[Recorded | None]:
    if _taking.backend is None:
        return nullcontext()
    return _taking.backend.open(redacted(name), kind, parent)


def continuing(trace_id: str) -> str:
    """A traceparent for what continues `trace_id`: below the span around, where that is of the same trace."""
    around = _current.get()
    if around is not None and trace_id_of(around.traceparent) == trace_id:
        return around.traceparent
    return traceparent_of(trace_id)
