"""When a bad answer counts: one that may be a hiccup is asked for again, and one odd look moves no status that stands.

What stands and is contradicted keeps the time of the look that last confirmed it: it grows old meanwhile, and stale if that
takes long. So a status is never shown as newer than what it rests on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from shared.runtime.health.document import Format, HealthStatus
from shared.runtime.health.model import ServiceHealth
from shared.runtime.health.prober import Evidence
from shared.runtime.health.witness import Probe

PAUSE = 0.2  # seconds between two attempts
# Nobody answered for the target, or only what stands before it. What it says itself is never asked for twice.
HICCUPS = frozenset({"timeout", "refused", "disconnected", "unreachable", "unresolved", "http-502", "http-504", "grpc-14"})
WORKING = frozenset({HealthStatus.HEALTHY, HealthStatus.DEGRADED})


@dataclass(frozen=True)
class Retrying:
    """A `Probe` that asks again, up to `attempts` times in all; the last answer counts."""

    probing: Probe
    attempts: int
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def probe(self, base_url: str, path: str, format: Format) -> Evidence:
        evidence = await self.probing.probe(base_url, path, format)
        for _ in range(self.attempts - 1):
            if evidence.detail not in HICCUPS:
                break
            await self.sleep(PAUSE)
            evidence = await self.probing.probe(base_url, path, format)
        return evidence


@dataclass(frozen=True)
class Hysteresis:
    """How many looks in a row it takes until a service that works counts as one that does not, and back."""

    failures: int
    successes: int

    def after(self, standing: ServiceHealth | None, seen_at: datetime, look: ServiceHealth) -> ServiceHealth:
        """What is shown after a look. `seen_at`: of the look that `standing` rests on.

        Only a status of the same image is defended: another one runs, or none, and the first look at it counts.
        """
        if standing is None or standing.image != look.image or _works(standing) == _works(look):
            return look
        contrary = standing.contrary + 1
        if contrary >= (self.successes if _works(look) else self.failures):
            return look
        return standing.model_copy(update={"contrary": contrary, "seen_at": seen_at})


def _works(health: ServiceHealth) -> bool:
    return health.status in WORKING
