"""Environments made, inspected and unmade by Pulumi's engine, through the Automation API.

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
from typing import Any

from pulumi import automation as auto
from pulumi.automation.errors import CommandError

from infra.components.ground import Named, Stands
from infra.environment import pooled
from infra.environment.owned import PLATFORM_TAG, SILO, Surroundings, ground_of
from infra.environment.program import GROUP, RETAINED
from infra.provisioner.engine import EngineSettings, EnvironmentRecord, Progress, ResourceManager
from infra.provisioner.pulumi_engine.adoption import Adoption
from infra.provisioner.pulumi_engine.events import HEARTBEAT, RUNNING, SUCCEEDED, Differences, step_of
from infra.provisioner.pulumi_engine.failures import judged
from infra.provisioner.pulumi_engine.running import Running
from infra.provisioner.pulumi_engine.stacks import Opened, Program, Stacks
from shared.kernel.errors import Refused

Programs = Callable[[EnvironmentRecord, Surroundings, Stands | None], Program]
_GROUP_API_VERSION = "2025-04-01"


@dataclass(frozen=True)
class PulumiEngine:
    settings: EngineSettings
    programs: Programs  # the program of an environment; tests have smaller ones
    heartbeat: float = HEARTBEAT
    lock_grace: float = 2 * HEARTBEAT

    async def make(self, record: Mapping[str, Any], *, arm: ResourceManager, progress: Progress) -> dict[str, str]:
        told = EnvironmentRecord.read(record)
        adoption = Adoption(arm, told.environment_id, asyncio.get_running_loop())
        program = self.programs(told, await self._surroundings(told, arm), adoption.stands)
        async with self._opened(told, program, create=True) as opened:
            assert opened is not None  # noqa: S101 - created where there was none
            adoption.known = steps_of(await _state(opened))
            running = self._running(opened, told, adoption, progress)
            result = await running.do(lambda hear: opened.stack.up(refresh=told.mend, on_event=hear))
            return {name: str(output.value) for name, output in result.outputs.items()}

    async def destroy(self, record: Mapping[str, Any], *, arm: ResourceManager, progress: Progress) -> None:
        """With `retainData`, what holds data is let go of instead, and its group with it."""
        told = EnvironmentRecord.read(record)
        adoption = Adoption(arm, told.environment_id, asyncio.get_running_loop())
        # Only a preview for what a lost attempt left runs it.
        surroundings = await self._surroundings(told, arm) if told.retain_data else Surroundings()
        program = self.programs(told, surroundings, adoption.stands)
        left: list[Named] = []
        async with self._opened(told, program, create=False) as opened:
            if opened is not None:
                running = self._running(opened, told, adoption, progress)
                if told.retain_data:
                    left = await self._unwritten(running)
                    await self._let_go(running)
                await running.do(lambda hear: opened.stack.destroy(on_event=hear))
                await asyncio.to_thread(opened.stack.workspace.remove_stack, opened.stack.name)
        if not told.retain_data:
            left = [Named(GROUP, ground_of(told).group_id, _GROUP_API_VERSION)]
        for named in left:
            await self._sweep(named, told, arm, progress)

    async def inspect(self, record: Mapping[str, Any], *, arm: ResourceManager) -> list[dict[str, Any]]:
        """How Azure differs from the state, which stays as it is: a previewed refresh, which takes no lock. Raises
        `Refused` where there is no stack, since then nobody can tell."""
        told = EnvironmentRecord.read(record)
        heard = Differences()
        async with self._opened(told, lambda: None, create=False) as opened:
            if opened is None:
                raise Refused("pulumi", "StackMissing", f"{told.environment_id} has no stack")
            try:
                await asyncio.to_thread(opened.stack.preview_refresh, run_program=False, on_event=heard.hear)
            except CommandError as error:
                raise judged(error, heard.errors) from error
        return [one.document() for one in heard.listed()]

    def _running(self, opened: Opened, told: EnvironmentRecord, adoption: Adoption, progress: Progress) -> Running:
        return Running(opened, told, adoption, progress, self.heartbeat, self.lock_grace)

    async def _surroundings(self, told: EnvironmentRecord, arm: ResourceManager) -> Surroundings:
        """Raises `Refused` when the pool that the environment leans on was never made."""
        platform = self.settings.platform
        if told.isolation_model == SILO:
            return Surroundings(platform=platform)
        try:
            return Surroundings(await pooled.find(told, arm), platform)
        except pooled.PoolMissing as missing:
            raise Refused("pulumi", "PoolMissing", str(missing)) from missing

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

    async def _unwritten(self, running: Running) -> list[Named]:
        """What a lost attempt began and Azure has, and the state does not: only deleting the whole group would find it.
        A previewed run asks for everything that the environment consists of."""
        state = (await _state(running.opened)).deployment or {}
        if not state.get("pending_operations"):
            return []
        adoption, known = running.adoption, steps_of(auto.Deployment(deployment=state))
        await running.do(lambda hear: running.opened.stack.preview(on_event=hear))
        asked = [named for step, named in adoption.asked.items() if step not in known | RETAINED]
        return [named for named in reversed(asked) if await adoption.look(named)]

    async def _let_go(self, running: Running) -> None:
        """Mark in the state what its deletion must leave in Azure."""
        state = await _state(running.opened)
        marked = copy.deepcopy(state.deployment) or {}
        for resource in marked.get("resources") or []:
            if step_of(resource["urn"]) in RETAINED and resource.get("custom"):
                resource["retainOnDelete"] = True
        changed = auto.Deployment(version=state.version, deployment=marked)
        await running.do(lambda _hear: running.opened.stack.import_stack(changed))

    async def _sweep(self, named: Named, told: EnvironmentRecord, arm: ResourceManager, progress: Progress) -> None:
        """What reached Azure and not the state, where a lost attempt left that."""
        standing = await arm.get(named.id, named.api_version)
        if standing is None or ("location" in standing and not _owned(standing, told.environment_id)):
            return
        await progress(named.step, RUNNING, named.id)
        await arm.delete(named.id, named.api_version)
        await progress(named.step, SUCCEEDED, named.id)


def _owned(standing: Mapping[str, Any], environment_id: str) -> bool:
    return bool((standing.get("tags") or {}).get(PLATFORM_TAG) == environment_id)


async def _state(opened: Opened) -> auto.Deployment:
    try:
        return await asyncio.to_thread(opened.stack.export_stack)
    except CommandError as error:
        raise judged(error, []) from error


def steps_of(state: auto.Deployment) -> frozenset[str]:
    """The steps whose resources a state has."""
    resources = (state.deployment or {}).get("resources") or []
    return frozenset(step_of(resource["urn"]) for resource in resources if resource.get("custom"))
