"""One tenant's provisioned environment on the in-memory store, with everything above it that the container would make.

`World` has the attributes that `blueprints.orchestrations.ACTIVITIES` asks a container for, so that the same table runs
here. Nothing opens a socket; time and chance are the test's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.access.binding import BindingStatus, TenantBinding
from shared.access.caller import Caller
from shared.access.governance import Permit, Receipt
from shared.events.active import Active
from shared.events.due import Due
from shared.events.envelope import Event, EventType
from shared.events.journal import Entry, Journal, Place
from shared.kernel import ids
from shared.kernel.canonical import sha256
from shared.kernel.ids import EnvironmentId, environment_id
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent
from shared.operations.model import Operation
from shared.operations.runs import Runs
from shared.operations.slot import Slot
from shared.runtime.catalog.model import RuntimeService, Snapshot
from shared.runtime.catalog.rows import Catalog
from shared.runtime.catalog.where import Where
from shared.runtime.configurations.model import PublishRequest
from shared.runtime.configurations.reading import Configurations
from shared.runtime.configurations.service import Publishing
from shared.runtime.decommissioning import activities as decommissioning
from shared.runtime.deployments import activities as deploying
from shared.runtime.deployments.acceptance import Acceptance
from shared.runtime.deployments.beginning import Beginning
from shared.runtime.deployments.gates import Gate, gate_key
from shared.runtime.deployments.model import Deployment, DeployRequest
from shared.runtime.deployments.preparing import Preparing
from shared.runtime.deployments.projection import Projection
from shared.runtime.deployments.reading import DeploymentReader
from shared.runtime.deployments.service import Deployments, RollbackRequest
from shared.runtime.drift.ground import Surveying
from shared.runtime.environments import activities as provisioning
from shared.runtime.environments.ending import Ending
from shared.runtime.environments.index import Index
from shared.runtime.environments.intactness import Intactness, home
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.runtime.environments.model import Environment, EnvironmentStatus, Placement
from shared.runtime.health.witness import Witness
from shared.runtime.interventions.releasing import ReasonRequest
from shared.runtime.mending import activities as mending
from shared.runtime.rollout.effects import Effects
from shared.runtime.rollout.gate import GatePolicy
from shared.runtime.rollout.plan import Plans
from shared.runtime.rotation import activities as rotating
from shared.runtime.rotation import sweep as rotation_sweep
from shared.runtime.rotation.planning import Planning
from shared.runtime.rotation.retiring import Retiring
from shared.runtime.rotation.seeking import Seeking
from shared.runtime.rotation.service import Rotations
from shared.runtime.scaling import activities as scaling
from shared.runtime.scaling.enforcement import Enforcing
from shared.runtime.scaling.model import ScalingPolicy, ScalingRequest
from shared.runtime.scaling.pausing import Pausing
from shared.runtime.scaling.reading import Policies
from shared.runtime.scaling.service import Scalings
from shared.runtime.secrets.bound_vaults import BoundVaults
from shared.runtime.secrets.model import BindRequest, SecretBinding
from shared.runtime.secrets.reading import BindingReader, Bindings
from shared.runtime.secrets.resolution import Resolver
from shared.runtime.secrets.service import Binding
from shared.store import keys
from shared.store.memory import MemoryStore
from shared.store.port import Delete, Put
from tests.unit.doubles.clock import Draws, FakeClock
from tests.unit.doubles.jobs import Jobs
from tests.unit.doubles.prober import FakeProber
from tests.unit.doubles.registry import FakeRegistry
from tests.unit.doubles.targets import FakeTarget
from tests.unit.doubles.vault import VAULT, FakeVault

TENANT = "connectsoft"
ENVIRONMENT = environment_id("00000000000000aa")
REGISTRY = "acr.azurecr.io"
SIGNING_KEY = b"a signing key of the tests"
SHARDS = 4
CALLER = Caller(TENANT, "ada", "control-plane", frozenset({"runtime.deployments.write"}), "trace-" + "1" * 32)
GATE = GatePolicy(stable_seconds=10, retry_timeout_seconds=60)


def image(service_id: str, tag: str) -> str:
    return f"{REGISTRY}/{service_id}:{tag}"


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    stage: str = "dev"
    environment_id: EnvironmentId = ENVIRONMENT
    store: MemoryStore = field(default_factory=MemoryStore)
    draw: Draws = field(default_factory=lambda: Draws(0x1000))
    gate: GatePolicy = GATE
    receipt_lasts: timedelta = timedelta(days=1)
    told: list[Place] = field(default_factory=list)  # outbox nudges

    def __post_init__(self) -> None:
        store, clock, draw = self.store, self.clock, self.draw
        self.owns = Draws(0xD0000)
        self.apps, self.cluster = FakeTarget(clock), FakeTarget(clock, replaces=True)
        self.targets = {"container-apps": self.apps, "aks": self.cluster}
        self.prober, self.vault, self.registry = FakeProber(clock), FakeVault(), FakeRegistry()
        self.active = Active(store, draw, SHARDS, clock)
        self.journal = Journal(store, self.active, clock, draw, self.told.append)
        self.isolation, self.index = Isolation(store), Index(store, clock, draw, SHARDS)
        self.runs = Runs(store, self.journal, clock, draw)
        self.where = Where(store, clock, draw)
        self.catalog = Catalog(store, self.where, clock, draw)
        self.configurations, self.policies = Configurations(store), Policies(store)
        self.publishing = Publishing(self.journal, clock)
        self.bound_vaults, self.due = BoundVaults(store, draw), Due(store, draw, SHARDS, clock)
        self.binding = Binding(self.journal, self.vault, clock, frozenset(), self.bound_vaults, self.due)
        self.scalings = Scalings(self.journal, clock, SIGNING_KEY)
        self.enforcing = Enforcing(self.policies, self.catalog, self.index, self.journal, clock, draw)
        self.pausing = Pausing(self.journal, self.enforcing)
        intactness, targets = Intactness(store, home(SIGNING_KEY)), frozenset(self.targets)
        acceptance = Acceptance(store, self.configurations, intactness, frozenset({REGISTRY}), targets)
        beginning = Beginning(self.index, self.journal, clock)
        self.deployments = Deployments(store, self.catalog, acceptance, beginning, self.gate)
        self.reader = DeploymentReader(store)
        self.resolver = Resolver(store, self.configurations)
        self.surveying = Surveying(store, self.catalog, self.policies, self.resolver, self.targets, SIGNING_KEY)
        self.planning = Planning(self.catalog, self.resolver, clock, self.gate)
        self.seeking = Seeking(self.vault, clock)
        self.rotations = Rotations(self.index, self.journal, self.planning, self.seeking, clock, draw)
        self.binding_reader = BindingReader(Bindings(store), self.catalog, self.resolver)
        self.preparing = Preparing(self.catalog, self.resolver, self.policies, self.registry.resolve)
        self.witness = Witness(self.targets, self.prober, clock)
        self.scaling = scaling.Deps(self.runs, self.catalog, self.targets)
        self.ending, self.jobs = Ending(self.runs, self.index), Jobs(self.runs, clock)
        self.provisioning = provisioning.Deps(self.runs, self.ending, self.jobs)
        self.mending = mending.Deps(self.runs, self.ending)
        self.decommissioned = decommissioning.Deps(self.runs, self.ending, self.index, self.catalog, self.targets)
        self.deploying = deploying.Deps(
            runs=self.runs,
            isolation=self.isolation,
            ending=self.ending,
            catalog=self.catalog,
            preparing=self.preparing,
            plans=Plans(store, draw),
            effects=Effects(self.targets),
            witness=self.witness,
            due=self.due,
            sleep=clock.sleep,
        )
        self.rotating = rotating.Deps(self.deploying, self.planning, self.seeking)
        self.rotation_sweep = rotation_sweep.Deps(
            self.isolation,
            self.journal,
            self.rotations,
            self.seeking,
            Retiring(self.journal, self.catalog, self.bound_vaults, self.vault, clock),
            self.bound_vaults,
            self.due,
            clock,
        )

    @property
    def place(self) -> Place:
        return Place(TENANT, self.environment_id, "orders")

    @property
    def partition(self) -> str:
        return self.place.partition

    async def provision(self, **changes: Any) -> World:
        """The environment as a finished provisioning leaves it, `changes` to its record."""
        environment = _environment(self).model_copy(update=changes)
        await self.put(keys.ENVIRONMENT, environment)
        await self.put(keys.SLOT, Slot(generation=1))
        await self.bind_tenant()
        await self.index.project(environment)
        return self

    async def bind_tenant(self, **changes: Any) -> None:
        bound = TenantBinding(
            tenant_id=TENANT,
            environment_id=self.environment_id,
            status=BindingStatus.ACTIVE,
            changed_at=self.clock(),
            changed_by="provisioning",
        )
        await self.put(keys.BINDING, bound.model_copy(update=changes))

    # What callers do.

    def intent(self, request: Record, *, own: str | None = None, key: str | None = None, action: str = "") -> Intent:
        document = request.document()

        async def permit(environment_id: EnvironmentId | None, stage: str) -> Permit:
            if stage != "prod":
                return Permit(needed=False)
            return Permit(needed=True, receipt=self.receipt(action, document))

        return Intent(CALLER, own or self.owns(), key, document, sha256(document), permit)

    def receipt(self, action: str, document: Mapping[str, Any]) -> Receipt:
        return Receipt(
            decision_id="decision-1",
            action=action,
            tenant_id=TENANT,
            environment_id=self.environment_id,
            request_hash=sha256(document),
            subject=CALLER.subject,
            decided_at=self.clock(),
            expires_at=self.clock() + self.receipt_lasts,
        )

    async def admitted(self) -> Admitted:
        return await self.isolation.require(TENANT, self.environment_id)

    async def admitted_anyhow(self) -> Admitted:
        """As the routes admit: also where the binding is not Active, and the use case says what is not ready."""
        return await self.isolation.admit(TENANT, self.environment_id)

    async def deploy(self, *components: Mapping[str, Any], **fields: Any) -> Operation:
        """POST /deployments."""
        request = deploy_request(*components, **fields)
        intent = self.intent(request, action="deployments.deploy")
        return begun(await self.deployments.deploy(intent, await self.admitted(), request))

    async def roll_back(self, deployment_id: str, **fields: Any) -> Operation:
        """POST /deployments/{deploymentId}/rollback."""
        request = RollbackRequest.read(fields)
        intent = self.intent(request, action="deployments.rollback")
        return begun(await self.deployments.roll_back(intent, await self.admitted(), deployment_id, request))

    async def publish(self, values: Mapping[str, Any], module_id: str | None = None) -> str:
        request = PublishRequest.read(owned({"values": dict(values)} | ({"moduleId": module_id} if module_id else {})))
        answer = await self.publishing.publish(self.intent(request), await self.admitted(), request)
        return str(answer.body["configurationId"])

    async def bind(
        self, *secrets: Mapping[str, Any], service_id: str = "api", own: str | None = None, **fields: Any
    ) -> str:
        bound = {"serviceId": service_id, "vaultUri": VAULT, "secrets": list(secrets), **fields}
        request = BindRequest.read(owned(bound))
        answer = await self.binding.bind(self.intent(request, own=own), await self.admitted(), request)
        return str(answer.body["secretBindingId"])

    async def rotate(self, ident: str, reason: str | None = None, *, key: str | None = None) -> Answer:
        """POST /secret-bindings/{secretBindingId}/rotate."""
        intent = self.intent(ReasonRequest(reason=reason), key=key, action="secret-bindings.rotate")
        return await self.rotations.rotate(intent, await self.admitted(), ident, reason)

    async def scale(self, service_id: str, **fields: Any) -> Answer:
        """POST /scaling-policies."""
        request = scaling_request(service_id, **fields)
        return await self.scalings.apply(self.intent(request), await self.admitted(), request)

    async def pause(self, ident: str, reason: str | None = None) -> Answer:
        """POST /scaling-policies/{scalingPolicyId}/pause."""
        intent = self.intent(ReasonRequest(reason=reason), action="scaling-policies.pause")
        return await self.pausing.pause(intent, await self.admitted(), ident, reason)

    async def resume(self, ident: str) -> Answer:
        """POST /scaling-policies/{scalingPolicyId}/resume."""
        intent = self.intent(ReasonRequest(), action="scaling-policies.resume")
        return await self.pausing.resume(intent, await self.admitted(), ident)

    # What is there.

    async def put(self, key: str, record: Record) -> None:
        await self.store.commit(self.partition, self.draw(), [Put(key, record.document())])

    async def delete(self, key: str) -> None:
        row = await self.store.get(self.partition, key)
        assert row is not None
        await self.store.commit(self.partition, self.draw(), [Delete(key, row.version)])

    async def read(self, record_type: Any, key: str) -> Any:
        row = await self.store.get(self.partition, key)
        assert row is not None, key
        return record_type.read(row.document)

    async def environment(self) -> Environment:
        return await self.read(Environment, keys.ENVIRONMENT)  # type: ignore[no-any-return]

    async def slot(self) -> Slot:
        return await self.read(Slot, keys.SLOT)  # type: ignore[no-any-return]

    async def operation(self, operation_id: str) -> Operation:
        return await self.read(Operation, operation_id)  # type: ignore[no-any-return]

    async def deployment(self, deployment_id: str) -> Deployment:
        return await self.read(Deployment, deployment_id)  # type: ignore[no-any-return]

    async def gate_of(self, deployment_id: str, wave: int = 0) -> Gate:
        return await self.read(Gate, gate_key(deployment_id, wave))  # type: ignore[no-any-return]

    async def secret_binding(self, ident: str) -> SecretBinding:
        return await self.read(SecretBinding, ident)  # type: ignore[no-any-return]

    async def policy(self, ident: str) -> ScalingPolicy:
        return await self.read(ScalingPolicy, ident)  # type: ignore[no-any-return]

    async def stable(self) -> Snapshot | None:
        return await self.catalog.snapshot(self.place, (await self.environment()).stable_deployment_id)

    async def inventory(self) -> dict[str, RuntimeService]:
        return {service.service_id: service for service in await self.catalog.services(self.place)}

    async def hear_of_it(self) -> None:
        """What follows the event of a release: the inventory is what is stable."""
        receipt = Put("in-heard", {})
        await Projection(self.catalog, self.targets).bring_up(await self.admitted_anyhow(), receipt)

    async def entries(self) -> list[Entry]:
        """The log, oldest first."""
        rows = await self.store.list(self.partition, "log-", limit=1_000_000)
        return [Entry.read(row.document) for row in reversed(rows)]

    async def events(self, *kinds: EventType) -> list[Event]:
        """In their order, of these kinds or of all."""
        found = [event for entry in await self.entries() for event in entry.events]
        return sorted((one for one in found if not kinds or one.event_type in kinds), key=lambda event: event.sequence)

    async def history(self, deployment_id: str) -> list[tuple[str, int | None]]:
        deployment = await self.deployment(deployment_id)
        return [(entry.phase.value, entry.wave) for entry in deployment.rollout_history]


def _environment(world: World) -> Environment:
    return Environment.model_validate(
        {
            "tenant_id": TENANT,
            "project_id": "orders",
            "name": "orders-dev",
            "stage": world.stage,
            "region": "westeurope",
            "isolation_model": "silo",
            "compute_targets": ("aks", "container-apps", "functions"),
            "environment_id": world.environment_id,
            "status": EnvironmentStatus.PROVISIONED,
            "pulumi_stack_ref": "orders-dev",
            "placement": Placement(subscription_id="sub", resource_group="rg"),
            "outputs": {"vaultUri": f"{VAULT}/"},
            "created_at": world.clock(),
            "trace_id": CALLER.trace_id,
        }
    )


def owned(fields: Mapping[str, Any], environment: str = ENVIRONMENT) -> dict[str, Any]:
    return {"tenantId": TENANT, "environmentId": environment, **fields}


def component(service_id: str, tag: str = "1", target: str = "container-apps", **fields: Any) -> dict[str, Any]:
    return {"moduleId": service_id, "image": image(service_id, tag), "target": target, **fields}


def deploy_request(*components: Mapping[str, Any], **fields: Any) -> DeployRequest:
    release = {"releaseRef": "release-1", "components": list(components)} | fields
    return DeployRequest.read(owned(release))


def scaling_request(service_id: str, **fields: Any) -> ScalingRequest:
    wanted = {
        "serviceId": service_id,
        "target": "container-apps",
        "metric": "cpu",
        "minReplicas": 2,
        "maxReplicas": 5,
        "targetUtilizationPercent": 70,
    }
    return ScalingRequest.read(owned(wanted | fields))


def begun(answer: Answer) -> Operation:
    assert answer.operation is not None
    return answer.operation


def deployment_of(operation: Operation) -> str:
    return f"{ids.Kind.DEPLOYMENT}-{operation.operation_id.removeprefix('op-')}"


def no_repeats(history: Sequence[tuple[str, int | None]]) -> bool:
    return len(set(history)) == len(history)
