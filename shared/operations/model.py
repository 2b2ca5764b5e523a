"""An operation holds its environment's one slot from its commit to its outcome.

The row, not the orchestration instance, decides: `start_new` silently replaces a finished instance, a hub can be lost,
a worker can wake after an hour. So each run claims an `attempt` by a conditional write, and whoever holds an older one
stops at its next effect.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.access.governance import Receipt
from shared.kernel.ids import EnvironmentId, OperationId
from shared.kernel.matrix import Matrix
from shared.kernel.record import Record

LONGEST_TOLD = 200  # characters of a message in a timeline


class OperationStatus(StrEnum):
    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


OPEN = frozenset({OperationStatus.NOT_STARTED, OperationStatus.RUNNING})


class OperationKind(StrEnum):
    PROVISION = "ProvisionEnvironment"
    DECOMMISSION = "DecommissionEnvironment"
    DEPLOY = "Deploy"
    ROLLBACK = "RollbackDeployment"
    ROTATE_SECRET = "RotateSecret"  # noqa: S105 - a kind of operation
    ENFORCE_SCALING = "EnforceScaling"
    ADOPT_DRIFT = "AdoptDrift"
    REMEDIATE_DRIFT = "RemediateDrift"


READ_SCOPE = {
    OperationKind.PROVISION: "runtime.environments.read",
    OperationKind.DECOMMISSION: "runtime.environments.read",
    OperationKind.DEPLOY: "runtime.deployments.read",
    OperationKind.ROLLBACK: "runtime.deployments.read",
    OperationKind.ROTATE_SECRET: "runtime.secrets.write",
    OperationKind.ENFORCE_SCALING: "runtime.scaling.write",
    OperationKind.ADOPT_DRIFT: "runtime.drift.read",
    OperationKind.REMEDIATE_DRIFT: "runtime.drift.read",
}

WRITE_SCOPE = {
    OperationKind.PROVISION: "runtime.environments.write",
    OperationKind.DECOMMISSION: "runtime.environments.write",
    OperationKind.DEPLOY: "runtime.deployments.write",
    OperationKind.ROLLBACK: "runtime.deployments.write",
    OperationKind.ROTATE_SECRET: "runtime.secrets.write",
    OperationKind.ENFORCE_SCALING: "runtime.scaling.write",
    OperationKind.ADOPT_DRIFT: "runtime.deployments.write",
    OperationKind.REMEDIATE_DRIFT: "runtime.deployments.write",
}


class Transition(StrEnum):
    CLAIM = "claim"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"


Status = OperationStatus
TRANSITIONS: Matrix[Transition, OperationStatus] = Matrix(
    {
        (Transition.CLAIM, Status.NOT_STARTED): frozenset({Status.RUNNING}),
        # The same attempt claims again when its first activity is repeated.
        (Transition.CLAIM, Status.RUNNING): frozenset({Status.RUNNING}),
        (Transition.SUCCEED, Status.RUNNING): frozenset({Status.SUCCEEDED}),
        (Transition.FAIL, Status.RUNNING): frozenset({Status.FAILED}),
        # What never got a worker ends at its deadline all the same.
        (Transition.FAIL, Status.NOT_STARTED): frozenset({Status.FAILED}),
        (Transition.CANCEL, Status.NOT_STARTED): frozenset({Status.CANCELED}),
        (Transition.CANCEL, Status.RUNNING): frozenset({Status.CANCELED}),
    }
)


class StepStatus(StrEnum):
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Step(Record):
    name: str
    status: StepStatus
    started_at: datetime
    ended_at: datetime | None = None
    detail: str | None = None


class OperationError(Record):
    code: str
    message: str

    @property
    def told(self) -> str:
        """How what it ended is told in a timeline, cut to size."""
        ended = "was canceled" if self.code == OperationStatus.CANCELED else f"failed with {self.code}"
        message = self.message[:LONGEST_TOLD] + "…" * (len(self.message) > LONGEST_TOLD)
        return f"{ended}: {message}" if message else ended


class CancelRequest(Record):
    """Somebody wants it taken back. The row says so; whoever works on it finds out at its next forward step."""

    by: str
    client_id: str | None = None  # in rows of before it was kept
    at: datetime
    reason: str | None = None


class PersonAction(StrEnum):
    RETRY = "retry"
    PROMOTE = "promote"


class PersonDecision(Record):
    """What a person decided about a paused operation, until its worker has taken it up."""

    action: PersonAction
    by: str
    at: datetime
    reason: str | None = None


class JobResult(Record):
    """What the provisioner wrote for the attempt it ran: the truth, of which its message is only a nudge."""

    attempt: int
    outputs: dict[str, str] | None = None
    error: OperationError | None = None


class Joined(Record):
    """What was asked for beside the operation's own request and became part of it before it began its work."""

    resource_id: str
    request_json: str
    receipt: Receipt | None = None

    @property
    def request_hash(self) -> str:
        return hashlib.sha256(self.request_json.encode()).hexdigest()


class OperationOutline(Record):
    """What a caller without the scope of its kind may see."""

    operation_id: OperationId
    kind: OperationKind
    status: OperationStatus = OperationStatus.NOT_STARTED
    must_settle_by: datetime


class OperationReport(OperationOutline):
    """What is shown of the row."""

    environment_id: EnvironmentId
    attempt: int = 1
    steps: list[Step] = []
    waiting_for: str | None = None
    requested_by: str
    decision_id: str | None = None
    resource_location: str
    retry_of: OperationId | None = None
    error: OperationError | None = None
    created_at: datetime
    last_action_at: datetime
    trace_id: str


class OperationState(OperationReport):
    """An operation as the API renders it."""

    request: dict[str, Any]


class Operation(OperationReport):
    """The row. What it has of its own is the platform's and is never shown."""

    request_json: (
        str  # as it was, canonical; as text, since it can be long and who reports on the operation needs none of it
    )
    tenant_id: str
    project_id: str
    client_id: str
    resource_id: str
    generation: int
    receipt: Receipt | None = None
    joined: list[Joined] = []
    cancel: CancelRequest | None = None
    taken_back: bool = False  # its effects are being undone: no person has a say in it any more
    paused: bool = False  # waits for a person
    decision: PersonDecision | None = None
    ended_by_force_at: datetime | None = None
    job: str | None = None  # "<how many were started>/<the provisioner's execution>"
    worker: str | None = None  # the execution that claimed this attempt: of two, one works
    result: JobResult | None = None

    @property
    def instance_id(self) -> str:
        """The orchestration of this attempt: a retry never meets the history of the run it replaces."""
        return f"{self.operation_id}-{self.attempt}"

    @property
    def mends(self) -> bool:
        """Whether it is the remedy of the environment itself, by its engine: any other remedy is a deployment."""
        return self.kind is OperationKind.REMEDIATE_DRIFT and self.resource_id == self.environment_id

    @property
    def request(self) -> dict[str, Any]:
        """What was asked for."""
        request: dict[str, Any] = json.loads(self.request_json)
        return request

    @property
    def request_hash(self) -> str:
        """Of the request as it stands here, not as somebody remembers it: a receipt covers this content or nothing."""
        return hashlib.sha256(self.request_json.encode()).hexdigest()

    def steps_that(self, status: StepStatus) -> list[str]:
        """The names of its steps that ended so, in their order."""
        return [step.name for step in self.steps if step.status is status]

    @property
    def run(self) -> Run:
        """Its current attempt, for what is done without an orchestration."""
        return Run(
            tenant_id=self.tenant_id,
            environment_id=self.environment_id,
            operation_id=self.operation_id,
            attempt=self.attempt,
            must_settle_by=self.must_settle_by,
        )

    @property
    def has_news(self) -> bool:
        """Something stands on the row that its worker has not taken up yet."""
        return self.decision is not None or (self.cancel is not None and not self.taken_back)

    @property
    def resource_path(self) -> str:
        """Its resource, under /v1/runtime."""
        return self.resource_location.removeprefix("/v1/runtime")

    def again(self, failed: Operation) -> Operation:
        """This new operation as the retry of one that ended badly: the same request, under the same decision."""
        update = {"retry_of": failed.operation_id, "request_json": failed.request_json}
        return self.model_copy(update=update)

    def shown(self) -> dict[str, Any]:
        """As the API renders it."""
        return self.document(OperationReport) | {"request": self.request}

    def outlined(self) -> dict[str, Any]:
        """For a caller without the scope of its kind."""
        return self.document(OperationOutline)


class Run(Record):
    """What an orchestration was started for: its input, and the payload of its activities."""

    tenant_id: str
    environment_id: EnvironmentId
    operation_id: OperationId
    attempt: int
    must_settle_by: datetime
    poll_seconds: float = 60.0
    retry_seconds: float = 600.0  # how long a step may meet nothing but transient errors
    project_id: str | None = None
    traceparent: str | None = None  # what its activities' spans are below

    @property
    def instance_id(self) -> str:
        return f"{self.operation_id}-{self.attempt}"


class FailingRun(Run):
    """What ends a procedure that goes no further."""

    error: OperationError
