"""Timers: each only fans its sweep out as messages on the work queue, a few shards a message, and is done."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

from shared.azure.pace import in_the_background
from shared.container import Container
from shared.events.work import Work, WorkKind
from shared.http.routes import RouteTable
from shared.kernel.clock import now, text
from shared.kernel.errors import ConcurrentChange, Transient
from shared.store.port import Conflict

log = logging.getLogger(__name__)
SHARDS_A_MESSAGE = 4


async def fan_out(container: Container, kind: WorkKind, interval: float) -> None:
    """Messages of one tick: their id is shard and tick, their life one interval, so a tick nobody took is not caught up."""
    tick, shards = now(), list(range(container.settings.state.shards))
    for start in range(0, len(shards), SHARDS_A_MESSAGE):
        work = Work(kind=kind, shards=shards[start : start + SHARDS_A_MESSAGE], tick=tick)
        lifetime = timedelta(seconds=max(interval, 1.0))
        try:
            await container.messaging.send(work, message_id=f"{kind}-{start}-{text(tick)}", lifetime=lifetime)
        except Transient as error:  # this tick is lost, the next one is not
            log.warning("a tick of %s was not sent: %s is away", kind, error.dependency)
            return


def register(blueprint: df.Blueprint, app: Callable[[], Container]) -> None:
    @blueprint.timer_trigger(schedule="%HEALTH_SCHEDULE%", arg_name="timer", run_on_startup=False)
    async def health_sweep(timer: func.TimerRequest) -> None:
        await fan_out(app(), WorkKind.HEALTH, app().settings.pace.health_interval)

    @blueprint.timer_trigger(schedule="%DRIFT_SCHEDULE%", arg_name="timer", run_on_startup=False)
    async def drift_sweep(timer: func.TimerRequest) -> None:
        await fan_out(app(), WorkKind.DRIFT, app().settings.pace.drift_interval)

    @blueprint.timer_trigger(schedule="%UPKEEP_SCHEDULE%", arg_name="timer", run_on_startup=False)
    async def upkeep_sweep(timer: func.TimerRequest) -> None:
        pace = app().settings.pace
        await fan_out(app(), WorkKind.UPKEEP, pace.upkeep_interval)
        if now().timestamp() % pace.scaling_interval < pace.upkeep_interval:  # the first one of its minute
            await fan_out(app(), WorkKind.SCALING, pace.scaling_interval)


def probe_isolation(blueprint: df.Blueprint, table: RouteTable, app: Callable[[], Container]) -> None:
    """The one timer that works by itself: the probe is a handful of requests to this very process."""

    @blueprint.timer_trigger(schedule="%ISOLATION_SCHEDULE%", arg_name="timer", run_on_startup=False)
    async def isolation_probe(timer: func.TimerRequest) -> None:
        if not app().settings.isolation.client_id:
            return
        try:
            with in_the_background():
                await app().probing(table).probe()
        except (Transient, Conflict, ConcurrentChange) as error:  # the next tick tries anew
            log.warning("the isolation probe was not recorded: %r", error)
