"""Slow and dead targets delay no others: the benchmark's fleet at a scale that takes seconds."""

from __future__ import annotations

import asyncio

from benchmarks.health_probes import PATH, Ports, targets
from shared.kernel.clock import now
from shared.runtime.health.addresses import Networks
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.prober import Prober

TARGETS = 400  # of which sixty never answer, and come first
PLACES = 16
PATIENCE = 60.0


async def test_all_quick_targets_are_answered_while_every_slow_and_dead_one_is_still_waited_for() -> None:
    with targets() as ports:
        prober = Prober(Networks.parse("127.0.0.0/8"), now, timeout=PATIENCE, concurrency=PLACES)
        asked = [(url, asyncio.create_task(prober.probe(url, PATH, "json"))) for url in ports.urls(TARGETS)]
        quick = [task for url, task in asked if _is_quick(url, ports)]
        others = [task for url, task in asked if not _is_quick(url, ports)]
        assert (len(quick), len(others)) == (340, 60)
        evidences = await asyncio.wait_for(asyncio.gather(*quick), PATIENCE / 2)
        assert {evidence.status for evidence in evidences} == {HealthStatus.HEALTHY}
        assert not any(task.done() for task in others)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _is_quick(url: str, ports: Ports) -> bool:
    return url.endswith(f":{ports.quick}")
