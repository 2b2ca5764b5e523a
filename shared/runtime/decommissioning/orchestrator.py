"""How an environment is taken down, read from top to bottom.

1. Claim the attempt.
2. Remove the workloads from every target: what runs must not lose its vault and its network first.
3. Let the engine destroy what it made, as a job.
4. Empty the inventory and commit the end, then forget: the indexes, the sweep's list.

Each step counts what is absent as gone, so a repeated run goes on where the last one stopped.
"""

from __future__ import annotations

from shared.operations.procedure import Context, Payload, Steps, settled, steady
from shared.runtime.environments.orchestrator import START_JOB, job_done

NAME = "decommissioning_flow"
CLAIM = "decommission_claim"
UNLOAD = "decommission_unload"
COMPLETE = "decommission_complete"
FORGET = "decommission_forget"
FAIL = "decommission_fail"


def decommission_environment(context: Context) -> Steps:
    return (yield from settled(context, _decommission, FAIL))


def _decommission(context: Context, run: Payload) -> Steps:
    if not (yield from steady(context, CLAIM, run)):
        return "superseded"
    yield from steady(context, UNLOAD, run)
    yield from steady(context, START_JOB, run)
    yield from job_done(context, run)
    yield from steady(context, COMPLETE, run)
    yield from steady(context, FORGET, run)
    return "decommissioned"
