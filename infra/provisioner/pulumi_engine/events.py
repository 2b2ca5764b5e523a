"""What the engine tells while it works, as steps of the operation; what it tells of drift, as differences.

Events come on a thread of the Automation API; steps are reported on the event loop, in their order. While nothing happens
for a while, the step under way is reported again: that is the heartbeat, and how an attempt that was replaced finds out.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Final

from pulumi.automation import EngineEvent, OpType
from pulumi.automation.events import StepEventMetadata

from infra.provisioner.engine import Progress
from shared.runtime.environments.infrastructure import ResourceChange, ResourceDifference

HEARTBEAT = 30.0  # seconds
RUNNING, SUCCEEDED, FAILED = "Running", "Succeeded", "Failed"
PREFIX: Final = "azure-native:"
_QUIET: Final = {OpType.SAME, OpType.READ, OpType.READ_REPLACEMENT, OpType.REFRESH}
_COLOURS: Final = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Report:
    step: str
    status: str
    detail: str


@dataclass
class Reporter:
    """`hear` is the engine's callback; `tell` reports until `close`. `errors`: what the engine complained of."""

    loop: asyncio.AbstractEventLoop
    heartbeat: float = HEARTBEAT
    errors: list[str] = field(default_factory=list)
    _queue: asyncio.Queue[Report | None] = field(default_factory=asyncio.Queue)

    def hear(self, event: EngineEvent) -> None:
        if (complaint := _complaint(event)) is not None:
            self.errors.append(complaint)
        if (report := _report(event)) is not None:
            self.loop.call_soon_threadsafe(self._queue.put_nowait, report)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._queue.put_nowait, None)

    async def tell(self, progress: Progress) -> None:
        """Raises what `progress` raises: `Superseded` for an attempt that was replaced."""
        last: Report | None = None
        while True:
            try:
                report = await asyncio.wait_for(self._queue.get(), self.heartbeat)
            except TimeoutError:
                if last is not None:
                    await progress(last.step, last.status, last.detail)
                continue
            if report is None:
                return
            last = report
            await progress(report.step, report.status, report.detail)


def _complaint(event: EngineEvent) -> str | None:
    if (diagnostic := event.diagnostic_event) and diagnostic.severity == "error":
        return _COLOURS.sub("", diagnostic.message).strip()
    if (violated := event.policy_event) and violated.enforcement_level == "mandatory":
        return f"PolicyViolation: {violated.policy_name}: {_COLOURS.sub('', violated.message).strip()}"
    return None


def _report(event: EngineEvent) -> Report | None:
    for told, status in (
        (event.resource_pre_event, RUNNING),
        (event.res_outputs_event, SUCCEEDED),
        (event.res_op_failed_event, FAILED),
    ):
        if told is not None and told.metadata.type.startswith(PREFIX) and told.metadata.op not in _QUIET:
            return Report(step_of(told.metadata.urn), status, _detail(told.metadata))
    return None


def step_of(urn: str) -> str:
    """A resource's logical name is the step it is reported as."""
    return urn.rpartition("::")[2]


def _detail(metadata: StepEventMetadata) -> str:
    """Its ARM id once it has one; until then what is done with what."""
    for state in (metadata.new, metadata.old):
        if state is not None and state.id:
            return str(state.id)
    return f"{getattr(metadata.op, 'value', metadata.op)} {metadata.type.removeprefix(PREFIX)}"


@dataclass
class Differences:
    """Collects what a previewed refresh finds, and what it complains of."""

    found: dict[str, ResourceDifference] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def hear(self, event: EngineEvent) -> None:
        if (complaint := _complaint(event)) is not None:
            self.errors.append(complaint)
        for told in (event.resource_pre_event, event.res_outputs_event):
            if told is None or not told.metadata.type.startswith(PREFIX):
                continue
            if (difference := _difference(told.metadata)) is not None:
                self.found[told.metadata.urn] = difference

    def listed(self) -> list[ResourceDifference]:
        return sorted(self.found.values(), key=lambda one: one.resource)


def _difference(metadata: StepEventMetadata) -> ResourceDifference | None:
    old, new = metadata.old, metadata.new
    if old is None:
        return None
    if metadata.op is OpType.DELETE or (metadata.op is OpType.REFRESH and new is None):
        return ResourceDifference(resource=step_of(metadata.urn), change=ResourceChange.DELETE)
    paths = sorted({*(metadata.detailed_diff or {}), *(metadata.diffs or [])})
    if new is None or metadata.op is OpType.SAME or not paths:
        return None
    return ResourceDifference(resource=step_of(metadata.urn), change=ResourceChange.UPDATE, properties=paths)
