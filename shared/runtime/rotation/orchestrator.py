"""How secrets are rotated, read from top to bottom.

1. Claim the attempt. A later one goes on with what an earlier one had planned.
2. Wait a moment for other rotations of the environment: they become one roll.
3. Find newer versions, or ask whoever owns the secrets for them and wait: the vault is looked at at every poll, and when
   it says that something is new.
4. Roll: the consumers as a small release, in waves, gated, taken back when a gate fails; its last transaction makes the
   new versions the bindings' own. Without a consumer that transaction is all there is to do.

The end of the old versions is not waited for here: it holds no slot, and is due by time (`sweep`).
"""

from __future__ import annotations

from datetime import timedelta

from shared.operations.procedure import Context, Payload, Steps, settled, steady, told
from shared.runtime.deployments.orchestrator import roll_out

NAME = "rotation_flow"
CLAIM = "rotation_claim"
PLAN = "rotation_plan"
COMPLETE = "rotation_complete"
FAIL = "rotation_fail"

JOIN_FOR = timedelta(seconds=2)


def rotate_secrets(context: Context) -> Steps:
    return (yield from settled(context, _rotate, FAIL))


def _rotate(context: Context, run: Payload) -> Steps:
    begun = yield from steady(context, CLAIM, run)
    if not begun:
        return "superseded"
    if not begun["rolls"]:
        yield context.create_timer(context.current_utc_datetime + JOIN_FOR)
        waiting = {**run, "mustSettleBy": begun["versionsBy"]}
        planned = yield from told(context, PLAN, waiting, "no newer version came in time")
        if not planned["rolls"]:
            yield from steady(context, COMPLETE, run)
            return "rotated"
    return (yield from roll_out(context, run))
