"""`pulumi up -C infra/pool --stack <stage>-<region>`; docs/deploy.md has the whole of it.

Configuration: `runtime-pool:stage`, `runtime-pool:targets` (a JSON list; all four when it is not given),
`azure-native:location`, `azure-native:subscriptionId`, and by their names the outputs of the platform's stack that
`infra.provisioner.engine.PLATFORM` lists.
"""

from __future__ import annotations

import pulumi

from infra.environment.owned import TARGETS
from infra.pool.program import Described, declare, export
from infra.provisioner.engine import PLATFORM


def main() -> None:
    config, azure = pulumi.Config(), pulumi.Config("azure-native")
    platform = {name: value for name in PLATFORM.values() if (value := config.get(name))}
    pool = Described(
        subscription=azure.require("subscriptionId"),
        stage=config.require("stage"),
        region=azure.require("location"),
        targets=config.get_object("targets") or list(TARGETS),
        platform=platform,
    )
    export(declare(pool))


main()
