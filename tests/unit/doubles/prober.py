"""A prober that answers for images: `FakeTarget` puts the image into the addresses it tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.kernel.clock import Clock
from shared.runtime.health.document import Check, Format, HealthStatus
from shared.runtime.health.prober import Evidence


@dataclass
class FakeProber:
    """`says`: by image, one status for good or one after the other (the last one stays). Everything else is healthy."""

    clock: Clock
    says: dict[str, HealthStatus | Sequence[HealthStatus]] = field(default_factory=dict)
    details: dict[HealthStatus, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def probe(self, base_url: str, path: str, format: Format) -> Evidence:
        image = base_url.split("/", 4)[4]
        status = self._status(image, self.asked.count(image))
        self.asked.append(image)
        return Evidence(
            status=status,
            checks=[Check(name="self", status=status)],
            evaluated_at=self.clock(),
            detail=self.details.get(status),
        )

    def _status(self, image: str, asked_before: int) -> HealthStatus:
        said = self.says.get(image, HealthStatus.HEALTHY)
        if isinstance(said, HealthStatus):
            return said
        return said[min(asked_before, len(said) - 1)]
