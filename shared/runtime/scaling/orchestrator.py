"""How a scaling policy reaches its target, read from top to bottom.

1. Claim the attempt.
2. Enforce: the target's own autoscaler gets the bounds, or is taken away while the policy is paused. The platform never
   replaces it.
3. Commit what the target honours, and with it the end of the operation.
"""

from __future__ import annotations

from shared.operations.procedure import Context, Payload, Steps, settled, steady

NAME = "scaling_flow"
CLAIM = "scaling_claim"
ENFORCE = "scaling_enforce"
COMPLETE = "scaling_complete"
FAIL = "scaling_fail"


def enforce_scaling(context: Context) -> Steps:
    return (yield from settled(context, _enforce, FAIL))


def _enforce(context: Context, run: Payload) -> Steps:
    if not (yield from steady(context, CLAIM, run)):
        return "superseded"
    left = yield from steady(context, ENFORCE, run)
    yield from steady(context, COMPLETE, {**run, "replicas": left})
    return "enforced"
