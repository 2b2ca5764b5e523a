"""One run of the engine: followed step by step, stopped when nobody wants it any more, past a lock that was left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pulumi import automation as auto
from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from infra.provisioner.engine import EnvironmentRecord, Progress
from infra.provisioner.pulumi_engine.adoption import Adoption
from infra.provisioner.pulumi_engine.events import HEARTBEAT, Reporter
from infra.provisioner.pulumi_engine.failures import judged
from infra.provisioner.pulumi_engine.locks import Locks, announce, claim_of
from infra.provisioner.pulumi_engine.stacks import Opened

T = TypeVar("T")
Hear = Callable[[auto.EngineEvent], None]
_PATIENCE = 120.0  # seconds that an interrupted engine gets before it is interrupted once more


@dataclass(frozen=True)
class Running:
    """On one stack, for one attempt."""

    opened: Opened
    record: EnvironmentRecord
    adoption: Adoption
    progress: Progress
    heartbeat: float = HEARTBEAT
    lock_grace: float = 2 * HEARTBEAT

    async def do(self, run: Callable[[Hear], T]) -> T:
        """`run` blocks until the engine has ended, and gives what it is to be told of its events to. Raises `Superseded`
        as `progress` does, `Refused`, `Transient`."""
        claim = claim_of(self.record)
        await asyncio.to_thread(announce, self.opened.stack, claim)
        locks = Locks(self.opened.stack, claim, self.lock_grace)
        return await locks.past(lambda: self._once(run), self.progress)

    async def _once(self, run: Callable[[Hear], T]) -> T:
        """Raises `ConcurrentUpdateError` for a locked stack."""
        reporter = Reporter(asyncio.get_running_loop(), self.heartbeat)
        running = asyncio.ensure_future(asyncio.to_thread(run, reporter.hear))
        telling = asyncio.ensure_future(reporter.tell(self.progress))
        try:
            await asyncio.wait({running, telling}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                telling.result()  # raises: whoever asked for this has been replaced, or cannot be told
            reporter.close()
            await telling
            return running.result()
        except ConcurrentUpdateError:
            raise
        except CommandError as error:
            raise (self.adoption.refused or judged(error, reporter.errors)) from error
        finally:
            telling.cancel()
            await self._ended(running)

    async def _ended(self, running: asyncio.Future[Any]) -> None:
        """Once the engine has ended: interrupted while it had not, and once more if that took too long."""
        while not running.done():
            self.opened.command.interrupt()
            await asyncio.wait({running}, timeout=_PATIENCE)
        if not running.cancelled():
            running.exception()  # seen: it is not what is raised
