"""Container Apps as it runs the provisioner: the real job, with an engine that is scripted.

Nothing runs by itself: `work` lets every execution that lives do its work to the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from infra.provisioner.engine import Progress
from infra.provisioner.job import Job
from infra.provisioner.patience import Patience
from shared.kernel.errors import Transient
from shared.kernel.ids import environment_of
from shared.operations.model import Run
from shared.operations.runs import Runs
from tests.unit.doubles.clock import FakeClock
from tests.unit.doubles.vault import VAULT

OUTPUTS = {"vaultUri": f"{VAULT}/"}


@dataclass
class ScriptedEngine:
    """`errors`: what the next runs end with, in their last step; `during`: what happens while the next ones work."""

    steps: tuple[str, ...] = ("KeyVault",)
    outputs: Mapping[str, str] = field(default_factory=lambda: dict(OUTPUTS))
    unmade: list[tuple[str, str]] = field(default_factory=list)  # (step, operation)
    done: list[tuple[str, int, str]] = field(default_factory=list)  # (made or destroyed, attempt, operation)
    mended: list[str] = field(default_factory=list)  # operations that had what somebody changed changed back
    errors: list[Exception] = field(default_factory=list)
    during: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)

    async def make(self, record: Mapping[str, Any], *, arm: object, progress: Progress) -> dict[str, str]:
        await self._run("made", record, progress)
        if record["mend"]:
            self.mended.append(record["operationId"])
        return dict(self.outputs)

    async def destroy(self, record: Mapping[str, Any], *, arm: object, progress: Progress) -> None:
        await self._run("destroyed", record, progress)

    async def _run(self, word: str, record: Mapping[str, Any], progress: Progress) -> None:
        *first, last = self.steps
        for step in first:
            await self._step(step, word, record, progress)
        await progress(last, "Running", "")
        if self.during:
            await self.during.pop(0)()
        if self.errors:
            raise self.errors.pop(0)
        await self._step(last, word, record, progress)
        self.done.append((word, record["attempt"], record["operationId"]))

    async def _step(self, step: str, word: str, record: Mapping[str, Any], progress: Progress) -> None:
        await progress(step, "Succeeded", "")
        if word == "destroyed" and step not in {gone for gone, _ in self.unmade}:
            self.unmade.append((step, record["operationId"]))


@dataclass(frozen=True)
class Execution:
    name: str
    tenant_id: str
    operation_id: str
    attempt: int


@dataclass
class Jobs:
    """Implements `shared.runtime.environments.activities.Job`. `lingers`: looks for which a stopped one still lives."""

    runs: Runs
    clock: FakeClock
    engine: ScriptedEngine = field(default_factory=ScriptedEngine)
    started: list[Execution] = field(default_factory=list)
    living: list[Execution] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    lingers: int = 0
    hangs: bool = False  # executions live and do nothing
    down: bool = False

    async def start(self, tenant_id: str, operation_id: str, attempt: int) -> str:
        self._reached()
        execution = Execution(f"exec-{len(self.started) + 1}", tenant_id, operation_id, attempt)
        self.started.append(execution)
        self.living.append(execution)
        return execution.name

    async def stop(self, execution: str) -> None:
        self._reached()
        self.stopped.append(execution)

    async def alive(self, execution: str) -> bool:
        self._reached()
        if execution in self.stopped:
            if self.lingers:
                self.lingers -= 1
            else:
                self.living = [one for one in self.living if one.name != execution]
        return any(one.name == execution for one in self.living)

    def _reached(self) -> None:
        if self.down:
            raise Transient("arm")

    async def work(self) -> bool:
        """Whether there was anything to do."""
        if self.hangs or not self.living:
            return False
        for execution in list(self.living):
            await self._run(execution)
        return True

    async def _run(self, execution: Execution) -> None:
        run = Run(
            tenant_id=execution.tenant_id,
            environment_id=environment_of(execution.operation_id),
            operation_id=execution.operation_id,
            attempt=execution.attempt,
            must_settle_by=self.clock() + timedelta(days=1),
        )

        async def nudge(_: Run) -> None:
            """The orchestration looks anyway."""

        patience = Patience(1.0, clock=lambda: self.clock().timestamp(), sleep=self.clock.sleep)
        job = Job(self.runs, self.engine, None, execution.name, nudge, patience)  # type: ignore[arg-type]
        await job.work(run)
        self.living.remove(execution)
