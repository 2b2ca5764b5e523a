"""What a release must be before the platform takes it on, as its environment stands now.

A run is refused for the first reason found, a dry run tells them all. The order: a breach of isolation, which no other
request would get round; what the request alone tells (targets, registries, waves); names that have to be looked up.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.kernel.errors import TargetNotEnabled, ValidationFailed
from shared.operations.intent import Intent
from shared.runtime.configurations.reading import Configurations
from shared.runtime.deployments import waves
from shared.runtime.deployments.model import DeployRequest, Strategy, registry_of
from shared.runtime.environments.intactness import Intactness
from shared.runtime.environments.isolation import Admitted
from shared.store import keys
from shared.store.port import Store


@dataclass(frozen=True)
class Acceptance:
    store: Store
    configurations: Configurations
    intactness: Intactness
    registries: frozenset[str]
    targets: frozenset[str]  # those the platform can deploy to

    async def require(self, intent: Intent, admitted: Admitted, request: DeployRequest) -> None:
        """Raises `IsolationBreach`, `TargetNotEnabled`, `ValidationFailed`; a dry run notes them all."""
        overriding = request.override_isolation_breach
        await intent.ask(self.intactness.require(admitted, overriding, intent.caller.subject))
        self._require_enabled(intent, admitted, request)
        intent.check(lambda: self._require_sound(request))
        await intent.ask(self._require_known(admitted, request))

    def _require_enabled(self, intent: Intent, admitted: Admitted, request: DeployRequest) -> None:
        enabled = self.targets.intersection(admitted.environment.compute_targets)
        for index, component in enumerate(request.components):
            if component.target not in enabled:
                intent.meet(TargetNotEnabled(component.target, f"components[{index}].target"))

    def _require_sound(self, request: DeployRequest) -> None:
        errors = {
            f"components[{index}].image": ["the registry is not in the platform's allow-list"]
            for index, component in enumerate(request.components)
            if registry_of(component.image) not in self.registries
        }
        errors |= waves.faults(request.components, ordered=request.strategy is Strategy.ROLLING_HEALTH_GATED)
        if errors:
            raise ValidationFailed(errors)

    async def _require_known(self, admitted: Admitted, request: DeployRequest) -> None:
        """What the request names outside itself: a configuration, and services that components depend on."""
        if request.configuration_id is not None:
            await self.configurations.require(admitted.place, request.configuration_id, "configurationId")
        own = {component.module_id for component in request.components}
        named = {one for component in request.components for one in component.depends_on} - own
        known = await self.store.gather(admitted.place.partition, [keys.service(one) for one in sorted(named)])
        errors = {
            f"components[{index}].dependsOn": ["names what is neither in the release nor runs here"]
            for index, component in enumerate(request.components)
            if any(one in named and keys.service(one) not in known for one in component.depends_on)
        }
        if errors:
            raise ValidationFailed(errors)
