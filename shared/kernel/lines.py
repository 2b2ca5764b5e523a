"""Every line of the log says whom it is about: tenantId, projectId, moduleId, traceId, correlationId; and no secret.

The fields are bound where a piece of work begins and follow it through everything it awaits. A line carries them as
attributes, for whoever takes lines as records, and at the end of its text as JSON, for whoever takes texts (the Functions
host does). Lines of no work, as at the start, have none. What is not known of a work is empty.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from shared.kernel.redaction import redacted
from shared.kernel.trace import correlation_id_of


class Fields(NamedTuple):
    tenant_id: str = ""
    project_id: str = ""
    module_id: str = ""
    trace_id: str = ""

    def document(self) -> dict[str, str]:
        return {
            "tenantId": self.tenant_id,
            "projectId": self.project_id,
            "moduleId": self.module_id,
            "traceId": self.trace_id,
            "correlationId": correlation_id_of(self.trace_id) if self.trace_id else "",
        }


_bound: ContextVar[Fields | None] = ContextVar("fields", default=None)
_plain = logging.Formatter()


def fields() -> Fields:
    return _bound.get() or Fields()


@contextmanager
def bound(**known: str | None) -> Iterator[None]:
    """These fields on every line inside, beside those bound around it; what is None stays as it is."""
    token = _bound.set(_with(known))
    try:
        yield
    finally:
        _bound.reset(token)


def add(**known: str | None) -> None:
    """What has become known of the work, until the `bound` around it ends."""
    _bound.set(_with(known))


def _with(known: dict[str, str | None]) -> Fields:
    return fields()._replace(**{name: value for name, value in known.items() if value is not None})


class Line(logging.LogRecord):
    """A record whose text and traceback have no secret, and which knows its fields."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        work = _bound.get()
        self.fields: dict[str, str] = work.document() if work else {}
        if self.exc_info and self.exc_info[0] is not None:
            self.exc_text = redacted(_plain.formatException(self.exc_info))

    @property
    def text(self) -> str:
        """Without its fields."""
        return redacted(super().getMessage())

    def getMessage(self) -> str:
        return f"{self.text} {json.dumps(self.fields, ensure_ascii=False)}" if self.fields else self.text


def install() -> None:
    """Make every line of this process one. Idempotent."""
    logging.setLogRecordFactory(Line)
