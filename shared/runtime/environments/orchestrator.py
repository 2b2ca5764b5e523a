"""How an environment is made, read from top to bottom.

1. Claim the attempt; a stale run ends here without an effect.
2. Start the provisioner job.
3. Wait until the operation row has its result: the row is the truth, the job's message only saves time. A job that died
   without a result is started again, a few times; one that does not report in time is stopped before the slot is free.
4. Commit the outcome, and with it the end of the operation.
"""

from __future__ import annotations

from contextlib import suppress

from shared.operations.procedure import Context, Payload, StepFailed, Steps, settled, steady, told

NAME = "provisioning_flow"
CLAIM = "provision_claim"
START_JOB = "provisioner_start"
LOOK = "provisioner_look"
STOP_JOB = "provisioner_stop"
COMPLETE = "provision_complete"
FAIL = "provision_fail"


def provision_environment(context: Context) -> Steps:
    return (yield from settled(context, _provision, FAIL))


def _provision(context: Context, run: Payload) -> Steps:
    if not (yield from steady(context, CLAIM, run)):
        return "superseded"
    yield from steady(context, START_JOB, run)
    yield from job_done(context, run)
    yield from steady(context, COMPLETE, run)
    return "provisioned"


def job_done(context: Context, run: Payload) -> Steps:
    """Wait until the job's result is on the row. Raises `StepFailed` with the job's error."""
    try:
        seen = yield from told(context, LOOK, run, "the provisioner did not report in time")
    except StepFailed as error:
        with suppress(StepFailed):  # it cannot be reached: the row fences it, and the operation ends all the same
            yield from steady(context, STOP_JOB, run)
        raise error
    if "error" in seen:
        raise StepFailed(seen["error"]["code"], seen["error"]["message"])
