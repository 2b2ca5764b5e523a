"""How a broker is made to misbehave from outside, and how it tells what it did."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

SLOW_SECONDS = 5.0
_chance = secrets.SystemRandom()


class Fault(Protocol):
    """`mode` is "slow" (answers late), "error" (answers `amqp:internal-error`), "throttle" (refuses what is sent with
    `com.microsoft:server-busy`) or "ackLost" (does what was asked, does not say so, ends the link); any other has no effect
    here. The last two strike messages that are sent, "throttle" requests to `$management` and "ackLost" settlements, too.
    """

    @property
    def mode(self) -> str: ...

    @property
    def rate(self) -> float:
        """The share of requests it strikes, 0 to 1."""


Faults = Callable[[], Fault | None]
Traffic = Callable[[str, str, int], None]


def none() -> Fault | None:
    return None


def ignore(method: str, path: str, status: int) -> None:
    """Count nothing."""


def strikes(fault: Fault | None, mode: str) -> bool:
    """Whether this one request meets the fault."""
    return fault is not None and fault.mode == mode and (fault.rate >= 1 or _chance.random() < fault.rate)


@dataclass
class Oversight:
    """What a broker is under: `faults` is asked at every request; `traffic` hears (method, entity, status) of sends,
    deliveries and settlements."""

    faults: Faults = none
    traffic: Traffic = ignore

    def strikes(self, mode: str) -> bool:
        """Whether the request at hand meets a fault of this mode."""
        return strikes(self.faults(), mode)
