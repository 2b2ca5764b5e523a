"""The hub loses its storage in mid-flight, at points all along each flow: the sweep takes every operation up again."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.settle.campaign import Campaign, Ground, Reference, crashes
from tests.settle.plans import AFTER, WIPE

EVERY = 4  # of the host's points


def test_what_was_under_way_settles_without_the_hub_that_knew_of_it(
    grounds: Sequence[Ground], references: Sequence[Reference], tell: list[str]
):
    began = time.monotonic()
    wanted = [one for one in crashes(references) if one.point.startswith("host") and one.when == AFTER][::EVERY]
    campaign = Campaign(grounds, references[0], WIPE)
    campaign.run(wanted)
    tell.append(f"{len(campaign.held)} of {len(wanted)} losses of the hub held in {time.monotonic() - began:.0f} s")
    assert campaign.problems == {}
    assert [str(one) for one in wanted if one not in campaign.held] == []
