"""Every orchestrator and activity, by the names that `shared` gives them. Outcomes are data: see `operations.procedure`.

An activity's payload is its run; what it raises becomes an outcome here and nowhere else, so that no orchestrator ever
meets an exception of an activity.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import azure.durable_functions as df

from shared.container import Container
from shared.http.problem import problem_of
from shared.kernel.errors import ConcurrentChange, Refused, RuntimeCloudError, Superseded, Transient
from shared.kernel.lines import add
from shared.kernel.record import Record
from shared.kernel.telemetry import SpanKind, continuing, span
from shared.operations.model import FailingRun, Operation, OperationKind, Run
from shared.operations.procedure import SUPERSEDED, Context, Payload, Steps, canceled, refused, transient, value
from shared.operations.runs import CancelRequested
from shared.runtime.decommissioning import activities as decommissioning
from shared.runtime.decommissioning import orchestrator as decommission
from shared.runtime.deployments import activities as deploying
from shared.runtime.deployments import gating, pausing, promotion, taking_back
from shared.runtime.deployments import orchestrator as deployment
from shared.runtime.drift import activities as adopting
from shared.runtime.drift import orchestrator as adoption
from shared.runtime.environments import activities as provisioning
from shared.runtime.environments import orchestrator as environment
from shared.runtime.mending import activities as mending
from shared.runtime.mending import orchestrator as mend
from shared.runtime.rotation import activities as rotating
from shared.runtime.rotation import orchestrator as rotation
from shared.runtime.scaling import activities as scaling
from shared.runtime.scaling import orchestrator as enforcement
from shared.store.port import Conflict

log = logging.getLogger(__name__)
CROWDED = 1.0  # seconds
Body = Callable[[Any, Any], Awaitable[Any]]

ORCHESTRATORS: Mapping[str, Callable[[Context], Steps]] = {
    environment.NAME: environment.provision_environment,
    deployment.NAME: deployment.roll_out_release,
    deployment.WAVE: deployment.roll_out_wave,
    decommission.NAME: decommission.decommission_environment,
    enforcement.NAME: enforcement.enforce_scaling,
    rotation.NAME: rotation.rotate_secrets,
    adoption.NAME: adoption.adopt_drift,
    mend.NAME: mend.mend_infrastructure,
}

STARTED_BY: Mapping[OperationKind, str] = {
    OperationKind.PROVISION: environment.NAME,
    OperationKind.DECOMMISSION: decommission.NAME,
    OperationKind.DEPLOY: deployment.NAME,
    OperationKind.ROLLBACK: deployment.NAME,
    OperationKind.ENFORCE_SCALING: enforcement.NAME,
    OperationKind.ROTATE_SECRET: rotation.NAME,
    OperationKind.REMEDIATE_DRIFT: deployment.NAME,
    OperationKind.ADOPT_DRIFT: adoption.NAME,
}

# name -> (the attribute of the container that holds its dependencies, its payload, its body)
ACTIVITIES: Mapping[str, tuple[str, type[Run], Body]] = {
    environment.CLAIM: ("provisioning", Run, provisioning.run_claim),
    environment.START_JOB: ("provisioning", Run, provisioning.run_start_job),
    environment.LOOK: ("provisioning", Run, provisioning.run_look),
    environment.STOP_JOB: ("provisioning", Run, provisioning.run_stop_job),
    environment.COMPLETE: ("provisioning", Run, provisioning.run_complete),
    environment.FAIL: ("provisioning", FailingRun, provisioning.run_fail),
    deployment.CLAIM: ("deploying", Run, deploying.run_claim),
    deployment.PREPARE: ("deploying", Run, deploying.run_prepare),
    deployment.BEGIN_WAVE: ("deploying", deploying.WaveRun, deploying.run_begin_wave),
    deployment.APPLY: ("deploying", deploying.ServiceRun, deploying.run_apply),
    deployment.JUDGE: ("deploying", deploying.WaveRun, gating.run_judge),
    deployment.PAUSE: ("deploying", deploying.FailingWaveRun, pausing.run_pause),
    deployment.DECIDED: ("deploying", deploying.WaveRun, pausing.run_decided),
    deployment.PROMOTE: ("deploying", Run, promotion.run_promote),
    deployment.ALONE: ("deploying", Run, promotion.run_wait_alone),
    deployment.COMPLETE: ("deploying", Run, promotion.run_complete),
    deployment.BEGIN_ROLLBACK: ("deploying", deploying.FailingWaveRun, taking_back.run_begin_rollback),
    deployment.RESTORE: ("deploying", deploying.ServiceRun, taking_back.run_restore),
    deployment.RESTORED: ("deploying", deploying.WaveRun, taking_back.run_wait_restored),
    deployment.FINISH_ROLLBACK: ("deploying", FailingRun, taking_back.run_finish_rollback),
    deployment.FAIL: ("deploying", FailingRun, taking_back.run_fail),
    decommission.CLAIM: ("decommissioned", Run, decommissioning.run_claim),
    decommission.UNLOAD: ("decommissioned", Run, decommissioning.run_unload),
    decommission.COMPLETE: ("decommissioned", Run, decommissioning.run_complete),
    decommission.FORGET: ("decommissioned", Run, decommissioning.run_forget),
    decommission.FAIL: ("decommissioned", FailingRun, decommissioning.run_fail),
    adoption.CLAIM: ("adopting", Run, adopting.run_claim),
    adoption.ADOPT: ("adopting", Run, adopting.run_adopt),
    mend.CLAIM: ("mending", Run, mending.run_claim),
    mend.COMPLETE: ("mending", Run, mending.run_complete),
    mend.FAIL: ("mending", FailingRun, mending.run_fail),
    enforcement.CLAIM: ("scaling", Run, scaling.run_claim),
    enforcement.ENFORCE: ("scaling", Run, scaling.run_enforce),
    enforcement.COMPLETE: ("scaling", scaling.CompletingRun, scaling.run_complete),
    enforcement.FAIL: ("scaling", FailingRun, scaling.run_fail),
    rotation.CLAIM: ("rotating", Run, rotating.run_claim),
    rotation.PLAN: ("rotating", Run, rotating.run_plan),
    rotation.COMPLETE: ("rotating", Run, rotating.run_complete),
    rotation.FAIL: ("rotating", FailingRun, rotating.run_fail),
}


async def performed(name: str, run: Payload, work: Callable[[], Awaitable[Any]]) -> Payload:
    """Do an activity's work as a span of its operation's trace; its outcome."""
    about = {"tenant_id": run.get("tenantId"), "project_id": run.get("projectId"), "module_id": run.get("serviceId")}
    with span(name, SpanKind.INTERNAL, run.get("traceparent")) as opened:
        add(**about)
        opened.set(operation__id=run.get("operationId", ""), operation__attempt=run.get("attempt", 0))
        answer = await outcome(f"{name} of {run.get('operationId')}, attempt {run.get('attempt')}", work)
        if "refused" in answer:
            opened.fail(answer["refused"])
    return answer


async def outcome(name: str, work: Callable[[], Awaitable[Any]]) -> Payload:
    """Do an activity's work and say as data how it ended."""
    try:
        answer = await work()
    except RuntimeCloudError as error:
        return _ended_by(error)
    except Exception:  # a bug must end the operation as failed, not hang it in an orchestration that died
        log.exception("%s failed", name)
        return refused("InternalError", "the platform failed; its log has the reason")
    return value(answer.document() if isinstance(answer, Record) else answer)


def _ended_by(error: RuntimeCloudError) -> Payload:
    if isinstance(error, Superseded):
        return SUPERSEDED
    if isinstance(error, CancelRequested):
        return canceled(error.by, error.reason)
    if isinstance(error, Transient):
        return transient(error.dependency, error.retry_after)
    if isinstance(error, ConcurrentChange | Conflict):  # a crowd at one row, which passes
        return transient("tables", CROWDED)
    if isinstance(error, Refused):
        return refused(error.code, error.message)
    return refused(problem_of(error).code, problem_of(error).detail(error))


def procedure_of(operation: Operation) -> str:
    return mend.NAME if operation.mends else STARTED_BY[operation.kind]


def started(operation: Operation, container: Container) -> tuple[str, str, dict[str, Any]]:
    """(orchestrator, instance id, input) of an operation's current attempt."""
    pace = container.settings.pace
    run = Run(
        tenant_id=operation.tenant_id,
        environment_id=operation.environment_id,
        operation_id=operation.operation_id,
        attempt=operation.attempt,
        must_settle_by=operation.must_settle_by,
        poll_seconds=pace.operation_poll,
        retry_seconds=pace.transient_budget,
        project_id=operation.project_id,
        traceparent=continuing(operation.trace_id),
    )
    return procedure_of(operation), run.instance_id, run.document()


def register(blueprint: df.Blueprint, app: Callable[[], Container]) -> None:
    for name, procedure in ORCHESTRATORS.items():
        _orchestrator(blueprint, name, procedure)
    for name, (attribute, payload, body) in ACTIVITIES.items():
        _activity(blueprint, name, app, attribute, payload, body)


def _orchestrator(blueprint: df.Blueprint, name: str, procedure: Callable[[Context], Steps]) -> None:
    def orchestrator(context: df.DurableOrchestrationContext) -> Any:
        return (yield from procedure(context))

    orchestrator.__name__ = name
    blueprint.orchestration_trigger(context_name="context")(orchestrator)


def _activity(
    blueprint: df.Blueprint, name: str, app: Callable[[], Container], attribute: str, payload: type[Run], body: Body
) -> None:
    async def activity(run: Payload) -> Payload:
        async def work() -> Any:
            return await body(getattr(app(), attribute), payload.read(run))

        return await performed(name, run, work)

    activity.__name__ = name
    activity.__annotations__ = {}  # the worker refuses parametrised types as annotations of bindings
    blueprint.activity_trigger(input_name="run")(activity)
