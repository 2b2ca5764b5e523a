"""`Microsoft.App/jobs` with manual triggers: start, executions, stop. An execution is a real process (`jobs.JobRunner`).

An image cannot be run here, so the command must be given: by the job's template, or by the start request's override; where
an override leaves command or args out, the template's stand for what the image's entry point would be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from localazure.arm import shapes
from localazure.arm import template as rules
from localazure.arm.answer import Answer, Call, listing
from localazure.arm.errors import ArmError, invalid_template, not_implemented
from localazure.arm.jobs import FAILED, RUNNING, Command, JobRunner
from localazure.arm.kind import Kind
from localazure.arm.operations import Operation, Operations
from localazure.arm.records import Records, Resource, now
from localazure.arm.shapes import Shape
from localazure.shelf import Shelf

EXECUTION = "arm.execution"


@dataclass
class Execution:
    id: str
    name: str
    template: dict[str, Any]
    status: str = RUNNING
    started: str = field(default_factory=now)
    ended: str | None = None

    @property
    def key(self) -> str:
        return self.id.lower()

    def render(self) -> dict[str, Any]:
        properties = {"status": self.status, "startTime": self.started, "template": self.template}
        if self.ended:
            properties["endTime"] = self.ended
        kind = "Microsoft.App/jobs/executions"
        return {"id": self.id, "name": self.name, "type": kind, "properties": properties}


class Jobs(Kind):
    type: ClassVar[str] = "Microsoft.App/jobs"
    shape: ClassVar[Shape] = shapes.JOB
    conflict: ClassVar[str] = "ContainerAppsJobOperationInProgress"

    def __init__(self, shelf: Shelf, records: Records, runner: JobRunner, operations: Operations) -> None:
        super().__init__(records)
        self._shelf = shelf
        self._runner = runner
        self._operations = operations

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        rules.check_name(call.target.name)
        properties = body.get("properties") or {}
        configuration = properties.get("configuration") or {}
        if self.records.get(str(properties.get("environmentId"))) is None:
            message = f"The environment '{properties.get('environmentId')}' of job '{call.target.name}' does not exist."
            raise ArmError(400, "InvalidManagedEnvironmentId", message)
        if not configuration.get("replicaTimeout") or not configuration.get("triggerType"):
            raise ArmError(400, "InvalidRequestContent", "configuration needs 'triggerType' and 'replicaTimeout'.")
        if configuration["triggerType"] != "Manual":
            raise not_implemented(f"jobs with triggerType '{configuration['triggerType']}'")
        manual = configuration.get("manualTriggerConfig") or {}
        if any(manual.get(name, 1) != 1 for name in ("parallelism", "replicaCompletionCount")):
            raise not_implemented("more than one replica in an execution")
        rules.check_containers(properties.get("template") or {}, configuration.get("secrets") or [])

    async def remove(self, resource: Resource) -> None:
        for execution in self._executions(resource):
            await self._runner.stop(execution.name)
            self._shelf.delete(EXECUTION, execution.key)

    def properties(self, resource: Resource) -> dict[str, Any]:
        properties = super().properties(resource)
        configuration = dict(properties["configuration"])
        if secrets := configuration.get("secrets"):
            configuration["secrets"] = [{key: value for key, value in one.items() if key != "value"} for one in secrets]
        return {**properties, "configuration": configuration, "outboundIpAddresses": ["127.0.0.1"]}

    async def descend(self, call: Call, resource: Resource) -> Answer:
        match call.method, [segment.lower() for segment in call.target.below]:
            case "POST", ["start"]:
                return self._start(call, resource)
            case "POST", ["stop"]:
                return self._stop(call, resource.key, [one for one in self._executions(resource) if one.status == RUNNING])
            case "GET", ["executions"]:
                return listing([execution.render() for execution in self._executions(resource)])
            case "GET", ["executions", name]:
                return Answer(200, self._execution(resource, name).render())
            case "POST", ["executions", name, "stop"]:
                execution = self._execution(resource, name)
                return self._stop(call, execution.key, [])
        return await super().descend(call, resource)

    def abandon(self) -> None:
        """Executions that ran when an earlier process ended: their processes ended with it."""
        for document in self._shelf.all(EXECUTION).values():
            if document["status"] == RUNNING:
                self._ended(Execution(**document), FAILED)

    async def stopped(self, operation: Operation) -> None:
        """The effect of a stop: of one execution, or of all of a job."""
        for key, document in self._shelf.all(EXECUTION).items():
            if (key == operation.key or key.startswith(f"{operation.key}/")) and document["status"] == RUNNING:
                await self._runner.stop(document["name"])

    def _start(self, call: Call, job: Resource) -> Answer:
        if job.busy:
            raise self.busy(job)
        shapes.check(call.body, shapes.EXECUTION)
        container = _container(job, call.body)
        argv = tuple(str(part) for part in (*(container.get("command") or ()), *(container.get("args") or ())))
        if not container.get("command"):
            raise not_implemented("an image's own entry point: give the container of the job a command")
        configuration = job.properties["configuration"]
        name = f"{job.name}-{rules.drawn_suffix()}"
        execution = Execution(f"{job.id}/executions/{name}", name, {"containers": [container]})
        command = Command(
            argv,
            rules.process_environment(container, configuration.get("secrets") or []),
            float(configuration["replicaTimeout"]),
            int(configuration.get("replicaRetryLimit") or 0),
        )
        self._save(execution)
        self._runner.start(name, command, lambda outcome: self._ended(execution, outcome))
        started = {"id": execution.id, "name": name}
        operation = self._operations.begin(call, job.key, "start", str(job.body["location"]), started)
        self._operations.run(operation)
        return Answer(202, started, self._operations.headers(operation, asynchronous=False, location=True))

    def _stop(self, call: Call, key: str, stopping: list[Execution]) -> Answer:
        result = {"value": [execution.render() for execution in stopping]} if stopping else None
        operation = self._operations.begin(call, key, "stop", "", result)
        self._operations.run(operation)
        return Answer(202, None, self._operations.headers(operation, asynchronous=False, location=True))

    def _ended(self, execution: Execution, outcome: str) -> None:
        execution.status, execution.ended = outcome, now()
        if self._shelf.get(EXECUTION, execution.key):  # its job may have been deleted meanwhile
            self._save(execution)

    def _save(self, execution: Execution) -> None:
        self._shelf.put(EXECUTION, execution.key, asdict(execution))

    def _executions(self, job: Resource) -> list[Execution]:
        """Newest first."""
        prefix = f"{job.key}/executions/"
        found = [Execution(**one) for key, one in self._shelf.all(EXECUTION).items() if key.startswith(prefix)]
        return sorted(found, key=lambda execution: execution.started, reverse=True)

    def _execution(self, job: Resource, name: str) -> Execution:
        document = self._shelf.get(EXECUTION, f"{job.key}/executions/{name.lower()}")
        if document is None:
            raise ArmError(404, "JobExecutionNotFound", f"The execution '{name}' of job '{job.name}' does not exist.")
        return Execution(**document)


def _container(job: Resource, override: Mapping[str, Any]) -> dict[str, Any]:
    """The container to run: the override's first, what it leaves out of command and args from the template's."""
    declared = dict(job.properties["template"]["containers"][0])
    if not (given := override.get("containers")):
        return {key: value for key, value in declared.items() if key not in ("probes", "volumeMounts")}
    container = dict(given[0])
    if not container.get("image") or not container.get("name"):
        raise invalid_template("template.containers", "an override names its container and image")
    if "command" not in container:
        container["command"] = declared.get("command")
        container.setdefault("args", declared.get("args"))
    return {key: value for key, value in container.items() if value is not None}
