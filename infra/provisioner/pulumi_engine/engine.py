"""Environments made, compared and unmade by Pulumi's engine, through the Automation API.

Safe to run again after a crash at any point: what the state has is left as it is or put right, what reached Azure and not
the state is imported (`adoption`), a lock that a lost attempt left is recognised (`locks`). Whoever replaces an attempt
makes its `progress` raise `Superseded`: the engine is then interrupted, which lets what is under way come to its end and
be written down, and nothing new begins. A cancelled task (SIGTERM) does the same.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pulumi import automation as auto
from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from infra.components.ground import Stands
from infra.environment.base import lacking
from infra.environment.owned import SILO, Surroundings, ground_of, pool_name
from infra.environment.program import RETAINED
from infra.provisioner.engine import EngineSettings, EnvironmentRecord, Progress, ResourceManager
from infra.provisioner.pulumi_engine.adoption import Adoption
from infra.provisioner.pulumi_engine.events import HEARTBEAT, Difference, Differences, Reporter, step_of
from infra.provisioner.pulumi_engine.failures import judged
from infra.provisioner.pulumi_engine.locks import Locks, announce, claim_of
from infra.provisioner.pulumi_engine.stacks import Opened, Program, Stacks
from shared.kernel.errors import Refused

T = TypeVar("T")
Programs = Callable[[EnvironmentRecord, Surroundings, Stands | None], Program]
_GROUP_API_VERSION = "2025-04-01"
_PATIENCE = 120.0  # seconds that an interrupted engine gets before it is interrupted once more


@dataclass(frozen=True)
class PulumiEngine:
    settings: EngineSettings
    programs: Programs  # the program of an environment; tests have smaller ones
    heartbeat: float = HEARTBEAT
    lock_grace: float = 2 * HEARTBEAT

    async def make(self, record: Mapping[str, Any], *, arm: ResourceManager, progress: Progress) -> dict[str, str]:
        told = EnvironmentRecord.read(record)
        adoption = Adoption(arm, told.environment_id, asyncio.get_running_loop())
        surroundings = await self._surroundings(told)
        async with self._opened(told, self.programs(told, surroundings, adoption.stands), create=True) as opened:
            assert opened is not None  # noqa: S101 - created where there was none
            adoption.known = steps_of(await _state(opened))
            result = await self._work(opened, told, adoption, progress, lambda hear: opened.stack.up(on_event=hear))
            return {name: str(output.value) for name, output in result.outputs.items()}

    async def destroy(self, record: Mapping[str, Any], *, arm: ResourceManager, progress: Progress) -> None:
        """With `retainData`, what holds data is let go of instead, and its group with it."""
        told = EnvironmentRecord.read(record)
        adoption = Adoption(arm, told.environment_id, asyncio.get_running_loop())
        async with self._opened(told, self.programs(told, Surroundings(), adoption.stands), create=False) as opened:
            if opened is not None:
                if told.retain_data:
                    await self._let_go(opened, told, progress)
                await self._work(opened, told, adoption, progress, lambda hear: opened.stack.destroy(on_event=hear))
                await asyncio.to_thread(opened.stack.workspace.remove_stack, opened.stack.name)
        if not told.retain_data:
            await self._sweep(told, arm, progress)

    async def preview_drift(self, record: Mapping[str, Any]) -> list[Difference]:
        """How Azure differs from the state, which stays as it is. Nothing where there is no stack.

        Raises `Transient("pulumi")` while another run holds the stack: a scan that has to be made again.
        """
        told = EnvironmentRecord.read(record)
        heard = Differences()
        async with self._opened(told, lambda: None, create=False) as opened:
            if opened is None:
                return []
            try:
                await asyncio.to_thread(opened.stack.preview_refresh, run_program=False, on_event=heard.hear)
            except CommandError as error:
                raise judged(error, []) from error
        return heard.listed()

    async def _surroundings(self, told: EnvironmentRecord) -> Surroundings:
        """Raises `Refused` when what the environment leans on was never made."""
        stacks, platform_stack = Stacks(self.settings), self.settings.platform_stack
        platform = await asyncio.to_thread(stacks.outputs, platform_stack) if platform_stack else {}
        if platform is None:
            raise Refused("pulumi", "PlatformMissing", f"there is no stack {platform_stack}")
        if told.isolation_model == SILO:
            return Surroundings(platform=platform)
        pool = await asyncio.to_thread(stacks.outputs, pool_name(told)) or {}
        if missing := lacking(pool, told.compute_targets):
            message = f"the pool {pool_name(told)} has no {', '.join(missing)}: infra/pool makes it"
            raise Refused("pulumi", "PoolMissing", message)
        return Surroundings(pool=pool, platform=platform)

    @asynccontextmanager
    async def _opened(self, told: EnvironmentRecord, program: Program, *, create: bool) -> AsyncIterator[Opened | None]:
        opening = Stacks(self.settings).opened(told, program, create=create)
        try:
            opened = await asyncio.to_thread(opening.__enter__)
        except CommandError as error:
            raise judged(error, []) from error
        try:
            yield opened
        finally:
            await asyncio.to_thread(opening.__exit__, None, None, None)

    async def _work(
        self,
        opened: Opened,
        told: EnvironmentRecord,
        adoption: Adoption,
        progress: Progress,
        run: Callable[[Callable[[auto.EngineEvent], None]], T],
    ) -> T:
        claim = claim_of(told)
        await asyncio.to_thread(announce, opened.stack, claim)
        locks = Locks(opened.stack, claim, self.lock_grace)
        return await locks.past(lambda: self._run(opened, adoption, progress, run), progress)

    async def _run(
        self,
        opened: Opened,
        adoption: Adoption,
        progress: Progress,
        run: Callable[[Callable[[auto.EngineEvent], None]], T],
    ) -> T:
        """Run the engine once, telling of its steps. Raises `ConcurrentUpdateError` for a locked stack."""
        reporter = Reporter(asyncio.get_running_loop(), self.heartbeat)
        running = asyncio.ensure_future(asyncio.to_thread(run, reporter.hear))
        telling = asyncio.ensure_future(reporter.tell(progress))
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
            raise (adoption.refused or judged(error, reporter.errors)) from error
        finally:
            telling.cancel()
            await self._stopped(opened, running)

    async def _stopped(self, opened: Opened, running: asyncio.Future[Any]) -> None:
        """Once the engine has ended: interrupted while it had not, and once more if that took too long."""
        while not running.done():
            opened.command.interrupt()
            await asyncio.wait({running}, timeout=_PATIENCE)
        if not running.cancelled():
            running.exception()  # seen: it is not what is raised

    async def _let_go(self, opened: Opened, told: EnvironmentRecord, progress: Progress) -> None:
        """Mark in the state what its deletion must leave in Azure."""
        state = await _state(opened)
        marked = copy.deepcopy(state.deployment)
        for resource in marked.get("resources") or []:
            if step_of(resource["urn"]) in RETAINED and resource.get("custom"):
                resource["retainOnDelete"] = True
        claim = claim_of(told)
        await asyncio.to_thread(announce, opened.stack, claim)
        changed = auto.Deployment(version=state.version, deployment=marked)

        async def write() -> None:
            await asyncio.to_thread(opened.stack.import_stack, changed)

        await Locks(opened.stack, claim, self.lock_grace).past(write, progress)

    async def _sweep(self, told: EnvironmentRecord, arm: ResourceManager, progress: Progress) -> None:
        """The group with what reached Azure and not the state, where a lost attempt left that."""
        ground = ground_of(told)
        standing = await arm.get(ground.group_id, _GROUP_API_VERSION)
        if standing is None or (standing.get("tags") or {}).get("cs-environment-id") != told.environment_id:
            return
        await progress("ResourceGroup", "Running", ground.group_id)
        await arm.delete(ground.group_id, _GROUP_API_VERSION)
        await progress("ResourceGroup", "Succeeded", ground.group_id)


async def _state(opened: Opened) -> auto.Deployment:
    try:
        return await asyncio.to_thread(opened.stack.export_stack)
    except CommandError as error:
        raise judged(error, []) from error


def steps_of(state: auto.Deployment) -> frozenset[str]:
    """The steps whose resources a state has."""
    resources = (state.deployment or {}).get("resources") or []
    return frozenset(step_of(resource["urn"]) for resource in resources if resource.get("custom"))
