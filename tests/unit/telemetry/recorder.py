"""A backend that keeps what it is given, as a real one would: ids of its own, a parent each, nothing of the work inside."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared.kernel import telemetry
from shared.kernel.telemetry import Attribute, SpanKind


@dataclass
class Kept:
    name: str
    kind: SpanKind
    parent: str
    traceparent: str
    attributes: dict[str, Attribute] = field(default_factory=dict)
    failed: str | None = None
    ended: bool = False

    def rename(self, name: str) -> None:
        self.name = name

    def set(self, name: str, value: Attribute) -> None:
        self.attributes[name] = value

    def fail(self, reason: str) -> None:
        self.failed = reason


@dataclass
class Recorder:
    spans: list[Kept] = field(default_factory=list)
    values: list[tuple[str, float, dict[str, str]]] = field(default_factory=list)

    @contextmanager
    def open(self, name: str, kind: SpanKind, parent: str) -> Iterator[Kept]:
        version, trace, _, flags = parent.split("-")
        kept = Kept(name, kind, parent, f"{version}-{trace}-{secrets.token_hex(8)}-{flags}")
        self.spans.append(kept)
        try:
            yield kept
        finally:
            kept.ended = True

    def measure(self, metric: str, value: float, dimensions: Mapping[str, str]) -> None:
        self.values.append((metric, value, dict(dimensions)))

    def of(self, metric: str) -> list[tuple[float, dict[str, str]]]:
        return [(value, dimensions) for name, value, dimensions in self.values if name == metric]


@contextmanager
def recording() -> Iterator[Recorder]:
    """Everything inside goes to the recorder."""
    recorder = Recorder()
    before = telemetry.to(recorder)
    try:
        yield recorder
    finally:
        telemetry.to(before)
