"""How a release is rolled out, read from top to bottom.

1. Claim the attempt; a stale run ends here without an effect. A later attempt learns what an earlier one had touched.
2. Prepare: what is to run, under one hash, and what each service was before.
3. Wave by wave: begin it, then, as a sub-orchestration of its own (replay costs grow with the square of a history), apply
   everything and, when every apply has ended, judge the wave on evidence. A gate that is declared to pause waits for a
   person instead of failing: judged again, passed in spite of it, or cancelled; at the deadline it is taken back.
4. Promote: the new revisions serve, alone; then the new stable snapshot, the end of deployment and operation, and the
   free slot are one commit. The inventory follows.

Whatever goes wrong once a target was touched is taken back, wave by wave in reverse, as soon as every apply has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from shared.operations.procedure import (
    Context,
    Payload,
    StepFailed,
    Steps,
    SupersededRun,
    settled,
    steady,
    steady_all,
    told,
)

NAME = "release_flow"
WAVE = "release_wave_flow"
CLAIM = "deploy_claim"
PREPARE = "deploy_prepare"
BEGIN_WAVE = "deploy_begin_wave"
APPLY = "deploy_apply"
JUDGE = "deploy_judge"
PAUSE = "deploy_pause"
DECIDED = "deploy_decided"
PROMOTE = "deploy_promote"
ALONE = "deploy_wait_alone"
COMPLETE = "deploy_complete"
BEGIN_ROLLBACK = "deploy_begin_rollback"
RESTORE = "deploy_restore"
RESTORED = "deploy_wait_restored"
FINISH_ROLLBACK = "deploy_finish_rollback"
FAIL = "deploy_fail"

ROLLBACK_WITHIN = timedelta(minutes=10)  # at least, also when it is the deadline that rolls back
LONGEST_UNTOLD = timedelta(minutes=15)  # the settle sweep tells a decision again that the hub did not
PAUSING = frozenset({"GateFailed", "GateInconclusive", "GateError"})
ALONE_WITHIN = timedelta(minutes=10)  # of the time that is left for promotion and for taking it all back


def roll_out_release(context: Context) -> Steps:
    return (yield from settled(context, roll_out, FAIL))


def roll_out(context: Context, run: Payload) -> Steps:
    """The procedure without its end by `FAIL`: a rotation goes on with it. Raises `StepFailed` when nothing was touched."""
    deadline = datetime.fromisoformat(run["mustSettleBy"])
    begun = yield from steady(context, CLAIM, run, until=deadline)
    if not begun:
        return "superseded"
    touched: list[Payload] = list(begun["touched"])
    try:
        if begun["cause"] is not None:  # an earlier attempt was taking it back: no forward step any more
            raise StepFailed(begun["cause"]["code"], begun["cause"]["message"])
        plan = yield from steady(context, PREPARE, run)
        for wave in plan["waves"]:
            yield from steady(context, BEGIN_WAVE, {**run, **wave})
            touched += [wave] if wave not in touched else []
            yield from _wave(context, run, wave, pauses=plan["pauses"])
        yield from steady(context, PROMOTE, run)
        yield from _until_done(context, ALONE, run, within=ALONE_WITHIN)
        yield from steady(context, COMPLETE, run)
    except StepFailed as error:
        return (yield from _roll_back(context, run, touched, error, reversible=begun["reversible"]))
    return "completed"


def _wave(context: Context, run: Payload, wave: Payload, *, pauses: bool) -> Steps:
    """Raises `StepFailed` unless the gate passes, or a person goes on in spite of it."""
    for judgement in count():
        instance = f"{run['operationId']}-{run['attempt']}-wave-{wave['wave']}-{judgement}"
        outcome = yield context.call_sub_orchestrator(WAVE, {**run, **wave}, instance)
        if "superseded" in outcome:
            raise SupersededRun
        if "failed" not in outcome:
            return
        if not (pauses and outcome["failed"] in PAUSING):
            raise StepFailed(outcome["failed"], outcome["message"])
        cause = {"error": {"code": outcome["failed"], "message": outcome["message"]}}
        yield from steady(context, PAUSE, {**run, **wave, **cause})
        late = "nobody decided about the paused gate in time"
        decided = yield from told(context, DECIDED, {**run, **wave}, late, longest=LONGEST_UNTOLD)
        if decided["action"] == "promote":
            return


def roll_out_wave(context: Context) -> Steps:
    """One wave, as data: `{}` when its gate passed, else what stopped it. Its applies have all ended either way."""
    run: Payload = context.get_input()
    try:
        yield from steady_all(context, APPLY, [{**run, "serviceId": service} for service in run["services"]])
        yield from _judged(context, run)
    except SupersededRun:
        return {"superseded": True}
    except StepFailed as error:
        return {"failed": error.code, "message": error.message}
    return {}


def _judged(context: Context, run: Payload) -> Steps:
    """Raises `StepFailed` unless the gate passes, at the deadline too. An activity looks for up to a minute."""
    deadline = datetime.fromisoformat(run["mustSettleBy"])
    while context.current_utc_datetime < deadline:
        seen = yield from steady(context, JUDGE, run)
        verdict = seen.get("verdict")
        if verdict == "Passed":
            return
        if verdict is not None:
            raise StepFailed(f"Gate{verdict}", seen["message"])
    raise StepFailed("DeadlineExceeded", "the gate could not decide in time")


def _until_done(context: Context, name: str, payload: Payload, *, within: timedelta | None = None) -> Steps:
    """Call an activity that waits for up to a minute until it says done. Raises `StepFailed` at the deadline."""
    last = datetime.fromisoformat(payload["mustSettleBy"])
    if within is not None:
        last = min(last, context.current_utc_datetime + within)
    while not (yield from steady(context, name, payload, until=last)):
        if context.current_utc_datetime >= last:
            raise StepFailed("DeadlineExceeded", "the targets did not get ready in time")


def _roll_back(context: Context, run: Payload, touched: Sequence[Payload], error: StepFailed, *, reversible: bool) -> Steps:
    """Take everything back, the last wave first; then the outcome. Never a rollback of a rollback, nor of nothing."""
    cause: dict[str, Any] = {"error": {"code": error.code, "message": error.message}}
    if not reversible or not touched:
        raise error
    budget = context.current_utc_datetime + ROLLBACK_WITHIN
    deadline = max(datetime.fromisoformat(run["mustSettleBy"]), budget)
    run = {**run, "mustSettleBy": deadline.isoformat()}
    for wave in reversed(touched):
        yield from steady(context, BEGIN_ROLLBACK, {**run, **wave, **cause}, until=deadline)
        services = [{**run, "wave": wave["wave"], "serviceId": service} for service in wave["services"]]
        yield from steady_all(context, RESTORE, services, until=deadline)
        yield from _until_done(context, RESTORED, {**run, "wave": wave["wave"], "services": wave["services"]})
    yield from steady(context, FINISH_ROLLBACK, {**run, **cause}, until=deadline)
    return "rolled back"
