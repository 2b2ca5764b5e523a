"""Documents that the HTTP layer itself answers with: problems, and the outcome of a dry run."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared.kernel.record import Record
from shared.operations.rehearsal import Effect

PATHS = "What is wrong, by the path of the field."


class ProblemMembers(Record):
    """What some problems say besides (`problem_table`), each with the codes that need it."""

    errors: dict[str, list[str]] | None = Field(default=None, description=PATHS)
    operation_id: str | None = None
    must_settle_by: str | None = None
    decision_id: str | None = None
    reasons: list[str] | None = None
    obligations: dict[str, Any] | None = None
    supported_versions: list[str] | None = None


class ProblemDocument(ProblemMembers):
    """RFC 9457. `code` and `status` are contract, the texts are not."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    trace_id: str


class Obstacle(ProblemMembers):
    """What would stop the run: the code that it would answer, and what to do about it."""

    code: str
    message: str


class DryRun(Record):
    """Every obstacle at once, and what the run would do."""

    allowed: bool
    obstacles: list[Obstacle]
    effects: list[Effect]
