"""How a difference is adopted, read from top to bottom.

1. Claim the attempt; a stale run ends here without an effect.
2. Look at what runs now, and commit that as what is wanted: the new stable snapshot, the finding resolved, the end of
   deployment and operation, and the free slot are one transaction. Nothing is rolled out.
"""

from __future__ import annotations

from shared.operations.procedure import Context, Payload, Steps, settled, steady
from shared.runtime.deployments.orchestrator import FAIL

NAME = "adoption_flow"
CLAIM = "adopt_claim"
ADOPT = "adopt_reality"


def adopt_drift(context: Context) -> Steps:
    return (yield from settled(context, _adopt, FAIL))


def _adopt(context: Context, run: Payload) -> Steps:
    if not (yield from steady(context, CLAIM, run)):
        return "superseded"
    yield from steady(context, ADOPT, run)
    return "adopted"
