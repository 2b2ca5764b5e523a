"""The host and the provisioner are killed before and after every store write and every outbound call of five flows: each
settles, and what then stands is what stands after an undisturbed run."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from tests.settle.campaign import Campaign, Crash, Ground, Reference, crashes
from tests.settle.life import FLOWS, different


@pytest.fixture(scope="module")
def wanted(references: Sequence[Reference]) -> list[Crash]:
    return crashes(references)


@pytest.fixture(scope="module")
def campaign(grounds: Sequence[Ground], references: Sequence[Reference], wanted: list[Crash], tell: list[str]) -> Campaign:
    began = time.monotonic()
    campaign = Campaign(grounds, references[0])
    campaign.run(wanted)
    tell += campaign.table(wanted)
    tell.append(f"{len(campaign.held)} of {len(wanted)} crashes held in {time.monotonic() - began:.0f} s")
    return campaign


def test_undisturbed_lives_see_the_same(references: Sequence[Reference]):
    """Else the comparison would prove nothing."""
    first, *others = references
    for other in others:
        for flow in FLOWS:
            assert different(first.states[flow], other.states[flow]) == []


def test_every_kind_of_effect_is_crashed(wanted: list[Crash]):
    verbs = {crash.point.split(" ")[1] for crash in wanted}
    assert verbs == {"policy", "commit", "hub", "arm", "kubernetes", "bus"}
    assert {crash.point.partition(":")[0] for crash in wanted} == {"host", "provisioner"}


@pytest.mark.parametrize("flow", FLOWS)
def test_settles_wherever_it_is_crashed(flow: str, campaign: Campaign, wanted: list[Crash]):
    assert {what: lines for what, lines in campaign.problems.items() if what.startswith(flow)} == {}
    assert [str(crash) for crash in wanted if crash.flow == flow and crash not in campaign.held] == []
