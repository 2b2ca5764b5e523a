"""The composition root: everything the app is made of, from its settings, each part made when it is first needed.

One per event loop: the SDKs' async clients belong to the loop that first used them. `close` ends what was made, in the
reverse order of need.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from shared.access.authoriser import Authoriser
from shared.access.governance import Governance
from shared.access.keys import SigningKeys
from shared.access.outbound import Outbound
from shared.access.tokens import Tokens
from shared.azure.arm import Arm
from shared.azure.bus import Bus
from shared.azure.credentials import Credentials
from shared.azure.jobs import ContainerAppsJob
from shared.azure.messaging import Messaging
from shared.azure.vault import Vaults
from shared.events.active import Active
from shared.events.journal import Journal
from shared.events.outbox import Outbox
from shared.http.cursor import Cursors
from shared.http.mutating import Mutating
from shared.http.pipeline import Pipeline
from shared.http.routes import RouteTable
from shared.kernel.clock import draw, now
from shared.kernel.errors import RuntimeCloudError
from shared.kernel.settings import Settings
from shared.operations.reading import Operations
from shared.operations.runs import Runs
from shared.runtime.catalog.rows import Catalog
from shared.runtime.catalog.where import Where
from shared.runtime.configurations.reading import Configurations
from shared.runtime.configurations.service import Publishing
from shared.runtime.deployments import activities as deploying
from shared.runtime.deployments.preparing import Preparing
from shared.runtime.deployments.reading import DeploymentReader
from shared.runtime.deployments.service import Deployments
from shared.runtime.drift import sweep as drift_sweep
from shared.runtime.drift.reading import DriftReader
from shared.runtime.environments import activities as provisioning
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.service import Environments
from shared.runtime.health import sweep as health_sweep
from shared.runtime.health.addresses import Networks
from shared.runtime.health.inventory import Inventory
from shared.runtime.health.prober import Prober
from shared.runtime.health.witness import Witness
from shared.runtime.rollout.effects import Effects
from shared.runtime.rollout.gate import GatePolicy
from shared.runtime.rollout.plan import Plans
from shared.runtime.scaling import activities as scaling
from shared.runtime.scaling.enforcement import Enforcing
from shared.runtime.scaling.reading import Policies
from shared.runtime.scaling.service import Scalings
from shared.runtime.secrets.reading import Bindings
from shared.runtime.secrets.resolution import Resolver
from shared.runtime.secrets.service import Binding
from shared.runtime.timeline.reading import Timeline
from shared.runtime.upkeep import sweep as upkeep
from shared.store import keys
from shared.store.connection import Account
from shared.store.table import TableStore
from shared.targets.registry import Targets, build

if TYPE_CHECKING:
    from shared.targets.port import Target


class Container:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    # What reaches the outside.

    @cached_property
    def credentials(self) -> Credentials:
        return Credentials(self.settings.identity.managed_identity_client_id)

    @cached_property
    def store(self) -> TableStore:
        state = self.settings.state
        if state.tables_connection:
            return TableStore(Account(connection_string=state.tables_connection))
        return TableStore(Account(endpoint=state.tables_endpoint, credential=self.credentials.get()))

    @cached_property
    def bus(self) -> Bus:
        return Bus(self.settings.state.service_bus, self.credentials.get)

    @cached_property
    def messaging(self) -> Messaging:
        return Messaging(self.bus)

    @cached_property
    def arm(self) -> Arm:
        return Arm(self.credentials.get)

    @cached_property
    def vaults(self) -> Vaults:
        return Vaults(self.credentials.get)

    @cached_property
    def made_targets(self) -> Targets:
        return build(self.arm, self.credentials.get, now)

    @property
    def targets(self) -> Mapping[str, Target]:
        return self.made_targets.by_name

    @cached_property
    def issuer(self) -> Outbound:
        return Outbound("issuer")

    @cached_property
    def policy(self) -> Outbound:
        return Outbound("policy")

    # Access.

    @cached_property
    def signing_keys(self) -> SigningKeys:
        return SigningKeys(self.settings.identity.issuer, self.issuer.fetch, time.monotonic)

    @cached_property
    def authoriser(self) -> Authoriser:
        identity = self.settings.identity
        return Authoriser(
            Tokens(
                self.signing_keys,
                issuer=identity.issuer,
                audience=identity.audience,
                tenant_claim=identity.tenant_claim,
                decryption_key=identity.decryption_key,
                clock=now,
            )
        )

    @cached_property
    def governance(self) -> Governance:
        governance = self.settings.governance
        return Governance(
            governance.url,
            self.policy.post,
            clock=now,
            bearer=self._bearer if governance.scope else None,
            receipt_lifetime=governance.receipt_lifetime,
        )

    async def _bearer(self) -> str:
        token = await self.credentials.get().get_token(self.settings.governance.scope or "")
        return token.token

    # State and events.

    @cached_property
    def active(self) -> Active:
        return Active(self.store, draw, self.settings.state.shards)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.store, self.messaging, draw)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.store, self.active, now, draw, self.outbox.nudge)

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.store, self.journal, now, draw)

    # The aggregates, from the bottom up.

    @cached_property
    def isolation(self) -> Isolation:
        return Isolation(self.store)

    @cached_property
    def index(self) -> Index:
        return Index(self.store, now, draw, self.settings.state.shards)

    @cached_property
    def environments(self) -> Environments:
        return Environments(self.index, self.journal, now, self.settings.platform.subscription_id)

    @cached_property
    def provisioning(self) -> provisioning.Deps:
        job = ContainerAppsJob(self.arm, self.settings.platform.provisioner_job_id)
        return provisioning.Deps(self.runs, self.index, job)

    @cached_property
    def where(self) -> Where:
        return Where(self.store, now, draw)

    @cached_property
    def catalog(self) -> Catalog:
        return Catalog(self.store, self.where, now, draw)

    @cached_property
    def configurations(self) -> Configurations:
        return Configurations(self.store)

    @cached_property
    def publishing(self) -> Publishing:
        return Publishing(self.journal, now)

    @cached_property
    def binding(self) -> Binding:
        return Binding(self.journal, self.vaults, now, self.settings.platform.secret_vaults)

    @cached_property
    def bindings(self) -> Bindings:
        return Bindings(self.store)

    @cached_property
    def witness(self) -> Witness:
        networks = Networks.parse(self.settings.platform.probe_networks)
        return Witness(self.targets, Prober(networks, now), now)

    @cached_property
    def inventory(self) -> Inventory:
        stale_after = self.settings.pace.stale_after
        return Inventory(self.store, self.isolation, self.catalog, self.where, now, stale_after)

    @cached_property
    def policies(self) -> Policies:
        return Policies(self.store)

    @cached_property
    def scalings(self) -> Scalings:
        return Scalings(self.journal, now, self.settings.state.signing_key)

    @cached_property
    def scaling(self) -> scaling.Deps:
        return scaling.Deps(self.runs, self.catalog, self.targets)

    @cached_property
    def gate(self) -> GatePolicy:
        pace = self.settings.pace
        return GatePolicy(
            wait_seconds=pace.gate_wait,
            stable_seconds=pace.gate_stable,
            retry_timeout_seconds=pace.gate_retry_timeout,
        )

    @cached_property
    def deployments(self) -> Deployments:
        return Deployments(
            self.index,
            self.journal,
            self.configurations,
            now,
            self.gate,
            self.settings.platform.image_registries,
            frozenset(self.targets),
        )

    @cached_property
    def deployment_reader(self) -> DeploymentReader:
        return DeploymentReader(self.store)

    @cached_property
    def deploying(self) -> deploying.Deps:
        resolver = Resolver(self.store, self.configurations)
        return deploying.Deps(
            runs=self.runs,
            index=self.index,
            catalog=self.catalog,
            preparing=Preparing(self.catalog, resolver, self.policies),
            plans=Plans(self.store, draw),
            effects=Effects(self.targets),
            witness=self.witness,
            sleep=asyncio.sleep,
        )

    @cached_property
    def operations(self) -> Operations:
        return Operations(self.store)

    @cached_property
    def drift_reader(self) -> DriftReader:
        return DriftReader(self.store, self.isolation)

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(self.store)

    # Sweeps.

    @cached_property
    def upkeep(self) -> upkeep.Deps:
        enforcing = Enforcing(self.policies, self.catalog, self.index, self.journal, now, draw)
        return upkeep.Deps(self.store, self.active, self.isolation, self.outbox, enforcing, now)

    @cached_property
    def health_sweep(self) -> health_sweep.Deps:
        stale_after = self.settings.pace.stale_after
        return health_sweep.Deps(self.isolation, self.catalog, self.witness, self.journal, self.index, stale_after)

    @cached_property
    def drift_sweep(self) -> drift_sweep.Deps:
        return drift_sweep.Deps(
            self.isolation,
            self.catalog,
            self.policies,
            self.journal,
            self.index,
            self.targets,
            self.settings.state.signing_key,
        )

    # HTTP.

    def pipeline(self, table: RouteTable) -> Pipeline:
        signing_key = self.settings.state.signing_key
        mutating = Mutating(self.isolation, self.governance, self.journal, draw, signing_key)
        return Pipeline(table, self.authoriser, mutating, Cursors(signing_key))

    async def ready(self) -> dict[str, bool]:
        """Whether what every request needs can be reached: the tables."""
        try:
            await self.store.get(keys.tenant_partition(""), "ready")
        except RuntimeCloudError:
            return {"tables": False}
        return {"tables": True}

    async def close(self) -> None:
        made = self.__dict__
        if "outbox" in made:
            await self.outbox.drain()
        for name in ("signing_keys", "made_targets", "vaults", "arm", "bus", "issuer", "policy", "store", "credentials"):
            if name in made:
                await made[name].close()
