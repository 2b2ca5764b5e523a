"""What the guide to a deployment takes from the programs is what they put out and what they consist of."""

from __future__ import annotations

import re
from typing import Any

from infra.environment.owned import Surroundings, ground_of
from infra.environment.program import Environment
from tests.docs.pages import page
from tests.infra.cloud import declare, record
from tests.infra.test_platform_program import platform

GUIDE = page("docs/deploy.md")
ALWAYS = {"Microsoft.Authorization", "Microsoft.Resources"}  # registered in every subscription


def test_every_output_it_reads_is_one_of_the_platforms() -> None:
    text = "\n".join(GUIDE.blocks("sh")) + GUIDE.section("Day two")
    read = set(re.findall(r"\bout (\w+)", text))
    read |= set(re.findall(r"for name in ([\w ]+); do pool", text)[0].split())
    assert {"registryServer", "functionsApp", "resourceGroup", "apiHost", "stateBackend"} <= read
    assert read <= platform().outputs.keys()


def test_it_registers_every_provider_that_an_environment_needs() -> None:
    kinds: set[str] = set()

    def stands(named: Any) -> bool:
        kinds.update(re.findall(r"/providers/(Microsoft\.\w+)/", named.id))
        return False

    given = record()
    declare(lambda: Environment(given, Surroundings(), ground_of(given, stands)).told)
    registered = set(re.findall(r"Microsoft\.\w+", GUIDE.blocks("sh")[0]))
    assert kinds - ALWAYS <= registered
