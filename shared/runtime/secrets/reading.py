"""Find bindings again: references only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.access.caller import Caller
from shared.events.journal import Place
from shared.runtime.catalog.rows import Catalog
from shared.runtime.environments.found import Kept
from shared.runtime.environments.model import Environment
from shared.runtime.secrets.model import BindingReport, BindingState, Consumer, SecretBinding
from shared.runtime.secrets.resolution import Resolver, Use
from shared.runtime.secrets.service import LISTED
from shared.store import keys
from shared.store.reading import read


class Bindings(Kept[SecretBinding]):
    record = SecretBinding
    kind = LISTED


@dataclass(frozen=True)
class BindingReader:
    """Bindings as callers see them: with who runs with what, as of the last promotion."""

    bindings: Bindings
    catalog: Catalog
    resolver: Resolver

    async def get(self, caller: Caller, ident: str) -> BindingState:
        """Raises `NotFound`, also for what is another tenant's."""
        binding = await self.bindings.get(caller, ident)
        return shown(binding, await self._uses(binding))

    async def page(
        self, caller: Caller, environment_id: str, limit: int, after: str
    ) -> tuple[list[BindingState], str | None]:
        """Newest first. Raises `NotFound`."""
        found, next_after = await self.bindings.page(caller, environment_id, limit, after)
        uses = await self._uses(found[0]) if found else []
        return [shown(binding, uses) for binding in found], next_after

    async def _uses(self, binding: SecretBinding) -> list[Use]:
        """Of all bindings of the environment that `binding` is in."""
        place = Place(binding.tenant_id, binding.environment_id)
        row = await self.catalog.store.get(place.partition, keys.ENVIRONMENT)
        stable = read(Environment, place.partition, row).stable_deployment_id if row else None
        snapshot = await self.catalog.snapshot(place, stable)
        return await self.resolver.uses(place, snapshot.services) if snapshot else []


def shown(binding: SecretBinding, uses: Iterable[Use]) -> BindingState:
    """A consumer counts as on the old version until the roll that brings the new one is stable: it may be put back."""
    own = [use for use in uses if use.binding_id == binding.secret_binding_id]
    versions = {secret.name: secret.version for secret in binding.secrets} | binding.found_versions
    return BindingState(
        **binding.model_dump(include=set(BindingReport.model_fields)),
        active_operation_id=binding.turn.operation_id if binding.turn else None,
        consumers=[Consumer(service_id=one.service_id, name=one.name, version=one.version) for one in own],
        consumers_on_old_version=len({one.service_id for one in own if one.version != versions.get(one.name)}),
    )
