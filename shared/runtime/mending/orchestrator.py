"""How an environment's infrastructure is put right, read from top to bottom.

1. Claim the attempt; a stale run ends here without an effect.
2. Let the engine make what is missing and change back what was changed, as a job.
3. Commit the outcome, and with it the end of the operation; the environment stays what it is, whatever the outcome.
"""

from __future__ import annotations

from shared.operations.procedure import Context, Payload, Steps, settled, steady
from shared.runtime.environments.orchestrator import START_JOB, job_done

NAME = "mending_flow"
CLAIM = "mend_claim"
COMPLETE = "mend_complete"
FAIL = "mend_fail"


def mend_infrastructure(context: Context) -> Steps:
    return (yield from settled(context, _mend, FAIL))


def _mend(context: Context, run: Payload) -> Steps:
    if not (yield from steady(context, CLAIM, run)):
        return "superseded"
    yield from steady(context, START_JOB, run)
    yield from job_done(context, run)
    yield from steady(context, COMPLETE, run)
    return "mended"
