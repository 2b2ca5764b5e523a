"""A wave's gate as it is stored and shown: on what evidence it was decided, and what a person did about that.

A row per wave. A verdict that is stored is final: a gate that is judged again is a new row over it, and what was decided
before keeps its evidence in a row of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.kernel.record import Record
from shared.runtime.health.witness import Sample
from shared.runtime.rollout.gate import Evidence, GatePolicy, Verdict


class Override(Record):
    """A person went on in spite of the verdict, and says why."""

    by: str
    at: datetime
    reason: str


class GateOutcome(Record):
    verdict: Verdict | None = None
    healthy_since: datetime | None = None
    overridden: Override | None = None


class GateState(GateOutcome):
    """A gate as the API renders it, with what was decided about it before a person had it judged again."""

    samples: list[Sample]
    earlier: list[GateState] | None = None


class Gate(GateOutcome):
    """A row per wave (`dep-<id>~<wave>`), shown in the wave's HealthGating entry.

    When a person has it judged again, what was decided before stays as a row of its own beside it, with its evidence.
    """

    wave: int
    policy: GatePolicy
    judgement: int = 0  # how often it was decided before
    evidence: Evidence = Evidence()
    reopened_at: datetime | None = None  # by a person; evidence from before does not count

    def shown(self, earlier: Sequence[Gate] = ()) -> dict[str, Any]:
        """As `GateState`, with what was `earlier` decided about the same wave."""
        document = self.document(GateOutcome) | {"samples": [sample.document() for sample in self.evidence.samples]}
        return document | ({"earlier": [gate.shown() for gate in earlier]} if earlier else {})


def gate_key(deployment_id: str, wave: int) -> str:
    """Sorts right after the deployment's own row, so that one read brings both."""
    return f"{deployment_id}~{wave:03d}"


def earlier_key(deployment_id: str, gate: Gate) -> str:
    """Where a decided gate is kept when it is judged again."""
    return f"{gate_key(deployment_id, gate.wave)}~{gate.judgement:03d}"
