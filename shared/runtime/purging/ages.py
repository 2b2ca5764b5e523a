"""How long what is kept. Source: the contract's limits on idempotency, and the retention that the platform promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from shared.operations.intent import KEPT


@dataclass(frozen=True)
class Ages:
    answers: timedelta = KEPT  # to idempotency keys
    health: timedelta = timedelta(days=30)
    findings: timedelta = timedelta(days=90)  # resolved ones, since they were last seen
    history: timedelta = timedelta(days=365)  # the log, and deployments and operations that have ended
    decommissioned: timedelta = timedelta(days=365)  # environments: as long as their log
