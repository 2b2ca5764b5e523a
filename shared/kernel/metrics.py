"""What is measured and what is counted, by name.

Measured values (`INSTRUMENTS`) go to whoever takes telemetry and to nobody else. What is counted is a line of the log, too
(`metric`, `value` and `dimensions` beside the text); a count that is nobody's failure to handle still tells that something
needs a person: those are `raised`. Dimensions are few and have few values each: ids of single things belong into `about`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.kernel import telemetry

log = logging.getLogger(__name__)

DEPLOYMENT_DURATION = "runtime.deployment.duration"
ROLLBACK_RATE = "runtime.deployment.rollback.rate"
HEALTH_STATUS = "runtime.health.status"
SCALING_REPLICAS = "runtime.scaling.replicas"
SCALING_ACTIONS = "runtime.scaling.actions"
DRIFT_OPEN = "runtime.drift.open"
REMEDIATION_TIME = "runtime.drift.remediation.time"
ROTATION_AGE = "runtime.secret.rotation.age"
OPERATION_UNSETTLED = "runtime.operation.unsettled"
OUTBOX_LAG = "runtime.outbox.lag"


class Shape(StrEnum):
    GAUGE = "gauge"  # what stands; the last value counts
    HISTOGRAM = "histogram"  # one value for each thing that happened
    COUNTER = "counter"


@dataclass(frozen=True)
class Instrument:
    shape: Shape
    unit: str
    description: str


INSTRUMENTS: Mapping[str, Instrument] = {
    DEPLOYMENT_DURATION: Instrument(Shape.HISTOGRAM, "s", "from the beginning of a release to its end"),
    ROLLBACK_RATE: Instrument(Shape.HISTOGRAM, "1", "1 for a release that was taken back, else 0: the mean is the rate"),
    HEALTH_STATUS: Instrument(Shape.GAUGE, "{service}", "services of an environment in each status, at the last look"),
    SCALING_REPLICAS: Instrument(Shape.GAUGE, "{replica}", "replicas that the target of a service with a policy tells"),
    SCALING_ACTIONS: Instrument(Shape.COUNTER, "{action}", "enforcements of scaling policies, by how they ended"),
    DRIFT_OPEN: Instrument(Shape.GAUGE, "{finding}", "unresolved findings of an environment, at the last scan"),
    REMEDIATION_TIME: Instrument(Shape.HISTOGRAM, "s", "from when a finding was first seen until it was gone"),
    ROTATION_AGE: Instrument(Shape.GAUGE, "s", "since a binding took up its oldest version, at each drift tick"),
    OPERATION_UNSETTLED: Instrument(Shape.GAUGE, "{operation}", "operations of a shard that passed mustSettleBy"),
    OUTBOX_LAG: Instrument(Shape.HISTOGRAM, "s", "how old the oldest event was at each try to send it"),
}


def record(metric: str, value: float, **dimensions: str) -> None:
    """A value of one of `INSTRUMENTS`, in its unit."""
    telemetry.measure(metric, value, dimensions)


def count(metric: str, *, raised: bool = False, about: str = "", **dimensions: str) -> None:
    """One more of it. `raised`: at the level that alerts look for."""
    told = ", ".join(f"{name} {value}" for name, value in dimensions.items()) + (f", {about}" if about else "")
    level = logging.ERROR if raised else logging.INFO
    log.log(level, "%s: %s", metric, told, extra={"metric": metric, "value": 1, "dimensions": dimensions})
    telemetry.measure(metric, 1, dimensions)
