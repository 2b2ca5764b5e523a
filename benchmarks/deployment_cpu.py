"""CPU of a deployment of 200 components against one of 100: whether the platform's own work grows with its size.

The whole flow in this process, on the in-memory store (it packs and limits as the table does), with a target in memory and
a prober that finds everything healthy: the POST's use case, prepare, two waves with the default gate of 60 s on a clock
that jumps, promotion, inventory. Left out: the engine's replay, sockets, the table service. 2.0 is linear; a component's
row, sample and snapshot entry are the work, so anything well above says that something looks at all for each.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.played import Play
from benchmarks.ratio import Ratio, median
from blueprints.orchestrations import STARTED_BY
from shared.access.binding import BindingStatus, TenantBinding
from shared.access.caller import Caller
from shared.access.governance import Permit
from shared.container import Container
from shared.events.journal import Journal
from shared.kernel import ids
from shared.kernel.canonical import sha256
from shared.kernel.clock import Clock, draw, now
from shared.kernel.settings import read
from shared.operations.intent import Intent
from shared.operations.model import OperationKind, Run
from shared.operations.runs import Runs
from shared.operations.slot import Slot
from shared.runtime.deployments.model import DeployRequest
from shared.runtime.environments.model import Environment, EnvironmentStatus
from shared.runtime.health.document import Check, Format, HealthStatus
from shared.runtime.health.prober import Evidence
from shared.runtime.health.witness import Witness
from shared.store import keys
from shared.store.memory import MemoryStore
from shared.store.port import Put
from tests.unit.doubles.clock import FakeClock
from tests.unit.doubles.targets import FakeTarget

ROOT = Path(__file__).resolve().parent.parent
SMALL, LARGE, RUNS = 100, 200, 3
TARGET, TENANT = "container-apps", "connectsoft"
REQUIRED = {
    "OIDC_ISSUER": "https://issuer.example",
    "GOVERNANCE_URL": "https://policy.example",
    "ServiceBus": "unused",
    "RUNTIME_SIGNING_KEY": "0" * 32,
    "PROVISIONER_JOB_ID": "unused",
}


@dataclass(frozen=True)
class AlwaysHealthy:
    clock: Clock

    async def probe(self, base_url: str, path: str, format: Format) -> Evidence:
        healthy = HealthStatus.HEALTHY
        return Evidence(status=healthy, checks=[Check(name="self", status=healthy)], evaluated_at=self.clock())


def measure() -> Iterator[Ratio]:
    seconds: dict[int, list[float]] = {SMALL: [], LARGE: []}
    asyncio.run(deployment(SMALL))  # builds what pydantic builds on first use
    for _ in range(RUNS):
        for size, measured in seconds.items():
            measured.append(asyncio.run(deployment(size)))
    large, small = median(seconds[LARGE]), median(seconds[SMALL])
    yield Ratio(f"a deployment of {LARGE}", large, f"one of {SMALL} components", small, "s CPU", "2.0 = linear")


async def deployment(size: int) -> float:
    """CPU seconds from the request to `Completed`. Raises `RuntimeError` when it ends otherwise."""
    clock = FakeClock(now())
    container = _in_memory(clock)
    environment = await _provisioned(container)
    request = _release(environment.environment_id, size)
    began = time.process_time()
    operation = await _deploy(container, request)
    run = Run.model_validate(operation.model_dump(include=set(Run.model_fields)))
    ended = await Play(container, clock, run.document()).run(STARTED_BY[OperationKind.DEPLOY])
    elapsed = time.process_time() - began
    if ended != "completed":
        raise RuntimeError(f"the deployment ended as {ended}")
    return elapsed


def _in_memory(clock: FakeClock) -> Container:
    """The app's own composition, with what reaches outside replaced."""
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    container = Container(read({**sample, **REQUIRED}))
    store, target = MemoryStore(), FakeTarget(clock)
    made: dict[str, Any] = vars(container)  # where cached properties keep what they made
    made["store"] = store
    made["made_targets"] = SimpleNamespace(by_name={TARGET: target})
    made["registries"] = SimpleNamespace(resolve=_digest)
    made["journal"] = Journal(store, container.active, clock, draw, lambda place: None)
    made["runs"] = Runs(store, container.journal, clock, draw)
    made["witness"] = Witness(container.targets, AlwaysHealthy(clock), clock)
    made["deploying"] = replace(container.deploying, sleep=clock.sleep)
    return container


async def _digest(image: str) -> str:
    return f"sha256:{sha256(image)}"


async def _provisioned(container: Container) -> Environment:
    environment = Environment.model_validate(
        {
            "tenant_id": TENANT,
            "project_id": "proj-benchmark",
            "name": "benchmark",
            "stage": "dev",
            "region": "westeurope",
            "isolation_model": "silo",
            "compute_targets": (TARGET,),
            "environment_id": ids.environment_id(draw()),
            "status": EnvironmentStatus.PROVISIONED,
            "pulumi_stack_ref": "benchmark",
            "placement": {"subscription_id": "sub", "resource_group": "rg"},
            "created_at": now(),
            "trace_id": "trace-1",
        }
    )
    binding = TenantBinding(
        tenant_id=TENANT,
        environment_id=environment.environment_id,
        status=BindingStatus.ACTIVE,
        changed_at=now(),
        changed_by="benchmark",
    )
    rows = {keys.ENVIRONMENT: environment, keys.BINDING: binding, keys.SLOT: Slot()}
    partition = keys.partition_of(TENANT, environment.environment_id)
    await container.store.commit(partition, draw(), [Put(key, row.document()) for key, row in rows.items()])
    return environment


def _release(environment_id: str, size: int) -> DeployRequest:
    """Half of the components in each of two waves."""
    components = [
        {"moduleId": f"module-{at:03d}", "image": f"acr.azurecr.io/m{at:03d}:1.0.0", "target": TARGET, "wave": at % 2}
        for at in range(size)
    ]
    body = {"tenantId": TENANT, "environmentId": environment_id, "releaseRef": "release-1", "components": components}
    return DeployRequest.read(body)


async def _deploy(container: Container, request: DeployRequest) -> Any:
    """The operation that the POST's use case commits."""

    async def permit(environment_id: str | None, stage: str) -> Permit:
        return Permit(needed=False)

    caller = Caller(TENANT, "ada", "control-plane", frozenset({"runtime.deployments.write"}), "trace-1")
    document = request.document()
    intent = Intent(caller, draw(), None, document, sha256(document), permit)
    admitted = await container.isolation.require(TENANT, ids.environment_of(request.environment_id))
    answer = await container.deployments.deploy(intent, admitted, request)
    return answer.operation
