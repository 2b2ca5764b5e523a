"""Writes that were done and whose answer never came, at one in a hundred, twenty and ten: every flow settles as without."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.settle.campaign import Ground, Reference
from tests.settle.life import FLOWS, Life

LIVES = 2  # at once, on each platform
LONG = 3600.0  # seconds: as long as they live

RATES = {
    "tables 1 %": {"tables": 0.01},
    "tables 5 %": {"tables": 0.05},
    "tables 10 %": {"tables": 0.1},
    "arm and kubernetes 5 %": {"arm": 0.05, "kubernetes": 0.05},
}
# While answers are lost, a scan of drift may miss one, and says so: it finds nothing then, and is no whole scan.
UNREACHED = re.compile(r" scan: (notReached|status)\.wanted (\[\], seen \[|'Complete', seen 'Incomplete')")


def differences(life: Life, reference: Reference) -> dict[str, list[str]]:
    """flow -> how what is seen after it differs from what an undisturbed life saw."""
    found = {}
    for flow in FLOWS:
        life.prepare(flow)
        life.play(flow)
        found[flow] = [line for line in life.until_same(reference.states[flow]) if not UNREACHED.search(line)]
    return found


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
def test_every_flow_settles_as_if_all_had_been_heard(
    rates: Mapping[str, float], grounds: Sequence[Ground], references: Sequence[Reference]
):
    places = [ground for ground in grounds for _ in range(LIVES)]
    for ground in grounds:
        for dependency, rate in rates.items():
            ground.platform.control.post("/faults", dependency=dependency, mode="ackLost", rate=rate, seconds=LONG)
    try:
        with ThreadPoolExecutor(len(places)) as pool:
            lives = [pool.submit(differences, ground.life(), references[0]) for ground in places]
            seen = [life.result() for life in lives]
    finally:
        for ground in grounds:
            ground.platform.control.http.delete("/faults").raise_for_status()
    assert seen == [{flow: [] for flow in FLOWS}] * len(places)
