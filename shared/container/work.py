"""What works without anybody waiting: the dependencies of activities and sweeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import cached_property
from typing import TypeVar

from shared.azure.jobs import ContainerAppsJob
from shared.container.requests import Requests
from shared.events.inbox import Inbox
from shared.events.receiving import Receiving
from shared.kernel import ids
from shared.kernel.clock import draw, now
from shared.operations.model import FailingRun, Operation, OperationError, OperationKind, Run
from shared.runtime.consumers import consuming
from shared.runtime.decommissioning import activities as decommissioning
from shared.runtime.deployments import activities as deploying
from shared.runtime.deployments import taking_back
from shared.runtime.deployments.preparing import Preparing
from shared.runtime.deployments.projection import Projection
from shared.runtime.drift import activities as adopting
from shared.runtime.drift import sweep as drift_sweep
from shared.runtime.drift.following import Followers
from shared.runtime.environments import activities as provisioning
from shared.runtime.environments import looking
from shared.runtime.environments.ending import Ending
from shared.runtime.health import sweep as health_sweep
from shared.runtime.health.patience import Hysteresis, Retrying
from shared.runtime.health.witness import Witness
from shared.runtime.mending import activities as mending
from shared.runtime.probing.bait import Bait
from shared.runtime.probing.recording import Recording
from shared.runtime.purging import sweep as purging
from shared.runtime.purging.ages import Ages
from shared.runtime.rollout.effects import Effects
from shared.runtime.rotation import activities as rotating
from shared.runtime.rotation import sweep as rotation_sweep
from shared.runtime.rotation.retiring import Retiring
from shared.runtime.scaling import activities as scaling
from shared.runtime.upkeep import sweep as upkeep
from shared.runtime.upkeep.following import Following
from shared.runtime.upkeep.settling import End, Settling
from shared.runtime.upkeep.verifying import Verifying

D = TypeVar("D")


def _by(fail: Callable[[D, FailingRun], Awaitable[None]], deps: Callable[[], D]) -> End:
    """With what its procedure would have ended with; `deps` are made when something is ended so."""

    async def end(ended: Operation, error: OperationError) -> None:
        await fail(deps(), FailingRun(**ended.run.model_dump(), error=error))

    return end


class Work(Requests):
    @cached_property
    def job(self) -> ContainerAppsJob:
        return ContainerAppsJob(self.arm, self.settings.platform.provisioner_job_id)

    @cached_property
    def ending(self) -> Ending:
        return Ending(self.runs, self.index)

    @cached_property
    def provisioning(self) -> provisioning.Deps:
        return provisioning.Deps(self.runs, self.ending, self.job)

    @cached_property
    def deploying(self) -> deploying.Deps:
        return deploying.Deps(
            runs=self.runs,
            isolation=self.isolation,
            ending=self.ending,
            catalog=self.catalog,
            preparing=Preparing(self.catalog, self.resolver, self.policies, self.registries.resolve),
            plans=self.plans,
            effects=Effects(self.targets),
            witness=self.witness,
            due=self.due,
            sleep=asyncio.sleep,
        )

    @cached_property
    def scaling(self) -> scaling.Deps:
        return scaling.Deps(self.runs, self.catalog, self.targets)

    @cached_property
    def rotating(self) -> rotating.Deps:
        return rotating.Deps(self.deploying, self.planning, self.seeking)

    @cached_property
    def adopting(self) -> adopting.Deps:
        followers = Followers(self.store, self.configurations)
        return adopting.Deps(self.deploying, followers, self.settings.platform.image_registries)

    @cached_property
    def mending(self) -> mending.Deps:
        return mending.Deps(self.runs, self.ending)

    @cached_property
    def decommissioned(self) -> decommissioning.Deps:
        return decommissioning.Deps(self.runs, self.ending, self.index, self.catalog, self.targets)

    # Sweeps.

    @cached_property
    def upkeep(self) -> upkeep.Deps:
        return upkeep.Deps(self.active, self.isolation, self.outbox, self.settling, self.enforcing, self.following)

    @cached_property
    def rotation_sweep(self) -> rotation_sweep.Deps:
        retiring = Retiring(self.journal, self.catalog, self.bound_vaults, self.vaults, now)
        return rotation_sweep.Deps(
            self.isolation, self.journal, self.rotations, self.seeking, retiring, self.bound_vaults, self.due, now
        )

    @cached_property
    def verifying(self) -> Verifying:
        return Verifying(self.isolation, self.policies, self.journal, self.targets)

    @cached_property
    def following(self) -> Following:
        async def forget(run: Run) -> None:
            await decommissioning.run_forget(self.decommissioned, run)

        return Following(self.store, self.index, forget)

    @cached_property
    def settling(self) -> Settling:
        return Settling(
            self.store,
            self.runs,
            stop_job=lambda operation: provisioning.stop_job(self.job, operation),
            ends=self._ends(),
            clock=now,
            draw=draw,
            activity_limit=timedelta(seconds=self.settings.pace.activity_limit),
        )

    def _ends(self) -> dict[OperationKind, End]:
        """How a kind's resource is ended when its operation is ended by force."""

        environment = _by(provisioning.run_fail, lambda: self.provisioning)
        decommissioned = _by(decommissioning.run_fail, lambda: self.decommissioned)
        deployment = _by(taking_back.run_fail, lambda: self.deploying)
        mended = _by(mending.run_fail, lambda: self.mending)

        async def remedy(ended: Operation, error: OperationError) -> None:
            await (mended if ended.mends else deployment)(ended, error)

        return {
            OperationKind.PROVISION: environment,
            OperationKind.DECOMMISSION: decommissioned,
            OperationKind.DEPLOY: deployment,
            OperationKind.ROLLBACK: deployment,
            OperationKind.REMEDIATE_DRIFT: remedy,
            OperationKind.ADOPT_DRIFT: deployment,
            OperationKind.ENFORCE_SCALING: _by(scaling.run_fail, lambda: self.scaling),
            OperationKind.ROTATE_SECRET: _by(rotating.run_fail, lambda: self.rotating),
        }

    # What messages are for.

    @cached_property
    def receiving(self) -> Receiving:
        return Receiving(self.messaging, asyncio.sleep)

    @cached_property
    def consuming(self) -> consuming.Deps:
        return consuming.Deps(
            isolation=self.isolation,
            inbox=Inbox(self.store, now, draw),
            projection=Projection(self.catalog, self.targets),
            drift=self.drift_sweep,
            enforcing=self.enforcing,
        )

    @cached_property
    def health_sweep(self) -> health_sweep.Deps:
        pace = self.settings.pace
        return health_sweep.Deps(
            isolation=self.isolation,
            catalog=self.catalog,
            witness=Witness(self.targets, Retrying(self.prober, pace.probe_attempts), now),
            journal=self.journal,
            index=self.index,
            stale_after=pace.stale_after,
            budget=pace.look_budget,
            hysteresis=Hysteresis(pace.health_failures, pace.health_successes),
        )

    @cached_property
    def looking(self) -> looking.Deps:
        interval = timedelta(seconds=self.settings.pace.infrastructure_interval)
        return looking.Deps(self.store, self.isolation, self.job.inspect, interval, now, draw)

    @cached_property
    def bait(self) -> Bait:
        own = ids.derived(self.settings.state.signing_key, "isolation", "bait")
        return Bait(self.store, self.where, now, draw, self.home, own)

    @cached_property
    def isolation_recording(self) -> Recording:
        return Recording(self.journal, self.home, self.settings.state.signing_key)

    @cached_property
    def purging(self) -> purging.Deps:
        return purging.Deps(self.store, self.index, now, draw, Ages())

    @cached_property
    def drift_sweep(self) -> drift_sweep.Deps:
        signing_key = self.settings.state.signing_key
        return drift_sweep.Deps(self.isolation, self.surveying, self.journal, self.index, signing_key)
