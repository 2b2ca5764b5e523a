"""What comes over Service Bus: one message, one piece of work; the platform's own scale-out spreads them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

import azure.durable_functions as df
import azure.functions as func

from blueprints.hub import DurableHub
from shared.azure.pace import in_the_background
from shared.container import Container
from shared.events.receiving import Received
from shared.events.ticks import Ticks
from shared.events.work import Work, WorkKind
from shared.kernel import channels, lines
from shared.kernel.clock import now
from shared.kernel.errors import Transient
from shared.runtime.consumers.consuming import consume
from shared.runtime.consumers.letter import Letter, read_letter
from shared.runtime.consumers.vault_event import VaultEvent, read_vault_event
from shared.runtime.drift.sweep import scan_shard
from shared.runtime.environments.looking import look_shard
from shared.runtime.health.sweep import check_shard
from shared.runtime.purging.sweep import purge_shard
from shared.runtime.rotation.ages import measure_shard
from shared.runtime.rotation.sweep import hear, turn_shard
from shared.runtime.upkeep.sweep import keep_shard
from shared.runtime.upkeep.verifying import verify_shard

log = logging.getLogger(__name__)
ticks = Ticks(now)


def register(blueprint: df.Blueprint, app: Callable[[], Container]) -> None:
    @blueprint.service_bus_queue_trigger(arg_name="message", queue_name=channels.WORK, connection="ServiceBus")
    @blueprint.durable_client_input(client_name="client")
    async def runtime_work(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
        await app().receiving.take(_received(message, channels.WORK), _work, lambda work: do(work, client, app))

    @blueprint.service_bus_topic_trigger(
        arg_name="message", topic_name=channels.EVENTS, subscription_name=channels.OWN, connection="ServiceBus"
    )
    @blueprint.durable_client_input(client_name="client")
    async def runtime_events(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
        async def heard(letter: Letter) -> None:
            lines.add(tenant_id=letter.tenant_id, project_id=letter.project_id, module_id=letter.payload.service_id)
            with in_the_background():
                await consume(app().consuming, letter, DurableHub(client, app))

        await app().receiving.take(_received(message, channels.OWN), read_letter, heard)

    @blueprint.service_bus_queue_trigger(arg_name="message", queue_name=channels.NOTICES, connection="ServiceBus")
    @blueprint.durable_client_input(client_name="client")
    async def runtime_notices(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
        async def heard(event: VaultEvent) -> None:
            if (notice := event.notice) is not None:
                await hear(app().rotation_sweep, notice, DurableHub(client, app))

        await app().receiving.take(_received(message, channels.NOTICES), read_vault_event, heard)


def _received(message: func.ServiceBusMessage, source: str) -> Received:
    traceparent = (message.application_properties or {}).get("traceparent")
    sent = traceparent if isinstance(traceparent, str) else None
    return Received(source, message.message_id, message.get_body(), message.delivery_count or 1, sent)


def _work(body: bytes) -> Work:
    """Raises `ValidationError`."""
    return Work.model_validate_json(body, by_alias=True, by_name=False)


async def do(work: Work, client: df.DurableOrchestrationClient, app: Callable[[], Container]) -> None:
    container, tick = app(), work.tick or now()
    if work.kind is WorkKind.NUDGE:
        await _nudged(work, DurableHub(client, app))
        return
    if ticks.overtaken(tick, _interval(work.kind, container)):
        log.info("%s of %s is dropped: later ticks have come since", work.kind, tick)
        return
    for shard in work.shards:
        with ticks.turn(work.kind, shard) as due:
            if due:
                await _swept(work.kind, shard, tick, container, DurableHub(client, app))


def _interval(kind: WorkKind, container: Container) -> float:
    """Seconds between two ticks."""
    pace = container.settings.pace
    return {
        WorkKind.HEALTH: pace.health_interval,
        WorkKind.DRIFT: pace.drift_interval,
        WorkKind.UPKEEP: pace.upkeep_interval,
        WorkKind.SCALING: pace.scaling_interval,
    }[kind]


async def _swept(kind: WorkKind, shard: int, tick: datetime, container: Container, hub: DurableHub) -> None:
    try:
        if kind is WorkKind.HEALTH:
            with in_the_background():
                await check_shard(container.health_sweep, shard, tick)
        elif kind is WorkKind.DRIFT:
            with in_the_background():
                await scan_shard(container.drift_sweep, shard, tick)
                await look_shard(container.looking, shard)
                await measure_shard(container.store, shard, tick)
        elif kind is WorkKind.SCALING:
            with in_the_background():
                await verify_shard(container.verifying, shard)
        else:
            await keep_shard(container.upkeep, shard, hub)
            await turn_shard(container.rotation_sweep, shard, hub)
            await purge_shard(container.purging, shard)
    except Transient as error:  # the next tick looks anew; delivering this one ten times would only press what is away
        log.warning("%s of shard %d is left to the next tick: %s is away", kind, shard, error.dependency)


async def _nudged(work: Work, hub: DurableHub) -> None:
    try:
        await hub.wake(f"{work.operation_id}-{work.attempt}")
    except Transient:  # a nudge only saves time: the orchestration polls its row
        log.info("%s was not woken, it will look by itself", work.operation_id)
