"""How an environment is made, read from top to bottom.

1. Claim the attempt; a stale run ends here without an effect.
2. Start the provisioner job.
3. Wait for its nudge, looking at the operation row and at the job every poll: the row is the truth, the nudge only
   saves time. A job that died without a result is started again, a few times.
4. Commit the outcome, and with it the end of the operation.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.operations.procedure import Context, Payload, StepFailed, Steps, settled, steady

NAME = "provisioning_flow"
CLAIM = "provision_claim"
START_JOB = "provision_start_job"
LOOK = "provision_look"
COMPLETE = "provision_complete"
FAIL = "provision_fail"
NUDGE = "provisioner-reported"


def provision_environment(context: Context) -> Steps:
    return (yield from settled(context, _provision, FAIL))


def _provision(context: Context, run: Payload) -> Steps:
    if not (yield from steady(context, CLAIM, run)):
        return "superseded"
    yield from steady(context, START_JOB, run)
    yield from _result(context, run)
    yield from steady(context, COMPLETE, run)
    return "provisioned"


def _result(context: Context, run: Payload) -> Steps:
    """Wait until the job's result is on the row. Raises `StepFailed` with the job's error, or when the deadline passes."""
    deadline = datetime.fromisoformat(run["mustSettleBy"])
    every = timedelta(seconds=run["pollSeconds"])
    nudge = context.wait_for_external_event(NUDGE)
    while True:
        timer = context.create_timer(min(context.current_utc_datetime + every, deadline))
        winner = yield context.task_any([nudge, timer])
        if winner is nudge:
            timer.cancel()  # an open timer would keep the instance running
            nudge = context.wait_for_external_event(NUDGE)
        seen = yield from steady(context, LOOK, run)
        if "error" in seen:
            raise StepFailed(seen["error"]["code"], seen["error"]["message"])
        if seen["done"]:
            return
        if context.current_utc_datetime >= deadline:
            raise StepFailed("DeadlineExceeded", "the provisioner did not report in time")
