"""What answers requests: the use cases and the readers of every aggregate, from the bottom up."""

from __future__ import annotations

from functools import cached_property

from shared.container.outside import Outside
from shared.events.journal import Place
from shared.kernel.clock import draw, now
from shared.operations.cancelling import Cancelling
from shared.operations.reading import Operations
from shared.runtime.catalog.mutation import Mutations
from shared.runtime.catalog.rows import Catalog
from shared.runtime.catalog.where import Where
from shared.runtime.configurations.reading import Configurations
from shared.runtime.configurations.service import Publishing
from shared.runtime.decommissioning.service import Decommissioning
from shared.runtime.deployments.acceptance import Acceptance
from shared.runtime.deployments.beginning import Beginning
from shared.runtime.deployments.reading import DeploymentReader
from shared.runtime.deployments.service import Deployments
from shared.runtime.drift.deciding import Deciding
from shared.runtime.drift.ground import Surveying
from shared.runtime.drift.reading import DriftReader
from shared.runtime.drift.ruling import Ruling
from shared.runtime.environments.index import Index
from shared.runtime.environments.intactness import Intactness, home
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.service import Environments
from shared.runtime.environments.tenancy import Tenancy
from shared.runtime.health.addresses import Networks
from shared.runtime.health.ingest import Ingest
from shared.runtime.health.inventory import Inventory
from shared.runtime.health.prober import Prober
from shared.runtime.health.witness import Witness
from shared.runtime.interventions.promoting import Promoting
from shared.runtime.interventions.releasing import Releasing
from shared.runtime.interventions.retrying import Retrying
from shared.runtime.mending.service import Mending
from shared.runtime.rollout.gate import GatePolicy
from shared.runtime.rollout.plan import Plans
from shared.runtime.rotation.planning import Planning
from shared.runtime.rotation.seeking import Seeking
from shared.runtime.rotation.service import Rotations
from shared.runtime.scaling.enforcement import Enforcing
from shared.runtime.scaling.pausing import Pausing
from shared.runtime.scaling.reading import Policies
from shared.runtime.scaling.service import Scalings
from shared.runtime.secrets.bound_vaults import BoundVaults
from shared.runtime.secrets.reading import BindingReader, Bindings
from shared.runtime.secrets.resolution import Resolver
from shared.runtime.secrets.service import Binding
from shared.runtime.timeline.reading import Timeline


class Requests(Outside):
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
        allowed = self.settings.platform.secret_vaults
        return Binding(self.journal, self.vaults, now, allowed, self.bound_vaults, self.due)

    @cached_property
    def bound_vaults(self) -> BoundVaults:
        return BoundVaults(self.store, draw)

    @cached_property
    def resolver(self) -> Resolver:
        return Resolver(self.store, self.configurations)

    @cached_property
    def binding_reader(self) -> BindingReader:
        return BindingReader(Bindings(self.store), self.catalog, self.resolver)

    @cached_property
    def prober(self) -> Prober:
        networks = Networks.parse(self.settings.platform.probe_networks)
        return Prober(networks, now, timeout=self.settings.pace.probe_timeout)

    @cached_property
    def witness(self) -> Witness:
        return Witness(self.targets, self.prober, now)

    @cached_property
    def inventory(self) -> Inventory:
        stale_after = self.settings.pace.stale_after
        return Inventory(self.store, self.isolation, self.catalog, self.where, now, stale_after)

    # What sister services and workers tell.

    @cached_property
    def mutations(self) -> Mutations:
        return Mutations(self.journal, self.where, frozenset(self.targets))

    @cached_property
    def tenancy(self) -> Tenancy:
        return Tenancy(self.journal, now)

    @cached_property
    def ingest(self) -> Ingest:
        return Ingest(self.journal, self.settings.pace.stale_after, self.plans.rolling)

    @cached_property
    def plans(self) -> Plans:
        return Plans(self.store, draw)

    @cached_property
    def policies(self) -> Policies:
        return Policies(self.store)

    @cached_property
    def scalings(self) -> Scalings:
        return Scalings(self.journal, now, self.settings.state.signing_key)

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
        registries = self.settings.platform.image_registries
        acceptance = Acceptance(self.store, self.configurations, self.intactness, registries, frozenset(self.targets))
        beginning = Beginning(self.index, self.journal, now)
        return Deployments(self.store, self.catalog, acceptance, beginning, self.gate)

    @cached_property
    def home(self) -> Place:
        return home(self.settings.state.signing_key)

    @cached_property
    def intactness(self) -> Intactness:
        return Intactness(self.store, self.home)

    @cached_property
    def deployment_reader(self) -> DeploymentReader:
        return DeploymentReader(self.store)

    @cached_property
    def operations(self) -> Operations:
        return Operations(self.store)

    @cached_property
    def surveying(self) -> Surveying:
        signing_key = self.settings.state.signing_key
        return Surveying(self.store, self.catalog, self.policies, self.resolver, self.targets, signing_key)

    @cached_property
    def drift_reader(self) -> DriftReader:
        return DriftReader(self.store, self.isolation)

    @cached_property
    def deciding(self) -> Deciding:
        return Deciding(self.journal, self.deployments, Mending(self.index, self.journal, now), now)

    @cached_property
    def ruling(self) -> Ruling:
        return Ruling(self.isolation, self.journal, now)

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(self.store)

    @cached_property
    def enforcing(self) -> Enforcing:
        return Enforcing(self.policies, self.catalog, self.index, self.journal, now, draw)

    @cached_property
    def planning(self) -> Planning:
        return Planning(self.catalog, self.resolver, now, self.gate)

    @cached_property
    def seeking(self) -> Seeking:
        return Seeking(self.vaults, now)

    @cached_property
    def rotations(self) -> Rotations:
        return Rotations(self.index, self.journal, self.planning, self.seeking, now, draw)

    @cached_property
    def pausing(self) -> Pausing:
        return Pausing(self.journal, self.enforcing)

    @cached_property
    def decommissioning(self) -> Decommissioning:
        return Decommissioning(self.index, self.journal, self.catalog, now)

    # What people do to what is under way.

    @cached_property
    def cancelling(self) -> Cancelling:
        return Cancelling(self.journal, now)

    @cached_property
    def retrying(self) -> Retrying:
        return Retrying(
            self.journal,
            now,
            self.environments,
            self.deployments,
            self.enforcing,
            self.decommissioning,
            self.rotations,
            self.deciding,
        )

    @cached_property
    def promoting(self) -> Promoting:
        return Promoting(self.journal, now)

    @cached_property
    def releasing(self) -> Releasing:
        return Releasing(self.journal, self.index)
