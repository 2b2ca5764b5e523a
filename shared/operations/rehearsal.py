"""A dry run is the run itself, up to the point where it would commit.

The use case makes the same checks on the same state; here a check that fails is noted instead of raised, so that a
caller sees every obstacle at once, each with the code the run would answer. What the use case is about to do it says as
effects: a pure function of the request and the stored state. Whatever leads to a commit (a permit, an operation, a
transaction) ends the rehearsal instead, so that nothing can be written by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.kernel.errors import RuntimeCloudError
from shared.kernel.record import Record


class Effect(Record):
    action: str  # create | replace | remove | retain | start | lift | …
    resource: str
    detail: str = ""


class Rehearsed(Exception):
    """The run has got to its commit: the rehearsal is over."""


@dataclass
class Rehearsal:
    obstacles: list[RuntimeCloudError] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def meet(self, obstacle: RuntimeCloudError) -> None:
        """Note it, once."""
        known = [(type(one), one.args) for one in self.obstacles]
        if (type(obstacle), obstacle.args) not in known:
            self.obstacles.append(obstacle)
