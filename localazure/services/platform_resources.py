"""What the platform's own deployment leaves in Azure: its group, its environment, the job that runs the provisioner.

In production `infra/platform` makes them. Made only where absent, so that a restart changes nothing.
"""

from __future__ import annotations

from typing import Any

from localazure.arm.answer import Call
from localazure.arm.resources import Resources
from localazure.arm.target import parse

_API_VERSION = "2025-01-01"
_REGION = "westeurope"
_JOB_SECONDS = 1800
COMMAND = ("python", "-m", "infra.provisioner")


async def ensure_platform_resources(resources: Resources, job_id: str) -> None:
    """`job_id` is the ARM id of the job that runs the provisioner. Raises `ArmError` for an id ARM would refuse."""
    job = parse(job_id)
    group = f"/subscriptions/{job.subscription}/resourceGroups/{job.group}"
    environment = f"{group}/providers/Microsoft.App/managedEnvironments/runtime-platform"
    await _ensure(resources, group, {"location": _REGION})
    await _ensure(resources, environment, {"location": _REGION, "properties": {}})
    await _ensure(resources, job_id, _job(environment))


async def _ensure(resources: Resources, resource_id: str, body: dict[str, Any]) -> None:
    target = parse(resource_id)
    if resources.records.get(target.key) is None:
        await resources.answer(Call("PUT", target, {}, _API_VERSION, body))


def _job(environment: str) -> dict[str, Any]:
    container = {"name": "provisioner", "image": "acr.azurecr.io/runtime-provisioner:1.0.0", "command": list(COMMAND)}
    return {
        "location": _REGION,
        "properties": {
            "environmentId": environment,
            "configuration": {
                "triggerType": "Manual",
                "replicaTimeout": _JOB_SECONDS,
                "replicaRetryLimit": 0,  # the platform itself tries again, as a new attempt
                "manualTriggerConfig": {"parallelism": 1, "replicaCompletionCount": 1},
            },
            "template": {"containers": [container]},
        },
    }
