"""From a configuration's values to a workload's variables: references become vault references with a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.events.journal import Place
from shared.kernel.errors import ValidationFailed
from shared.runtime.catalog.model import Placed
from shared.runtime.configurations.model import SecretRef, Value, as_variable
from shared.runtime.configurations.reading import Configurations
from shared.runtime.secrets.model import SecretBinding
from shared.store.port import Store
from shared.store.reading import read
from shared.targets.port import SecretReference

Variables = dict[str, str | SecretReference]
Adopted = Mapping[str, Mapping[str, str]]  # binding -> name of a secret -> the version to use instead of the binding's own


@dataclass(frozen=True)
class Use:
    """A service that runs with a secret of a binding."""

    service_id: str
    binding_id: str
    name: str
    version: str


@dataclass(frozen=True)
class Resolver:
    store: Store
    configurations: Configurations

    async def variables(self, place: Place, configuration_id: str, module_id: str) -> Variables | None:
        """The variables that a configuration gives to a module; None when it is another module's.

        Raises `ValidationFailed` when it names a secret that is not bound (any more).
        """
        configuration = await self.configurations.require(place, configuration_id, "configurationId")
        if configuration.module_id not in (None, module_id):
            return None
        bindings = await self._bindings(place, configuration.values.values())
        variables: Variables = {}
        for key, value in configuration.values.items():
            variables[key] = _referenced(bindings, key, value) if isinstance(value, SecretRef) else as_variable(value)
        return variables

    async def current(
        self, place: Place, services: Mapping[str, Placed], adopted: Adopted | None = None
    ) -> dict[str, Placed]:
        """The same services with each secret at the version its own binding uses now, or at the `adopted` one (two
        bindings may name one secret), in two reads for all of them.

        The configuration that made a service's variables says which binding is whose. What is not bound any more stays as
        it was.
        """
        referring = {key: placed for key, placed in services.items() if _refers(placed.workload.env)}
        named = sorted({placed.configuration_id for placed in referring.values() if placed.configuration_id})
        found = await self.configurations.several(place, named)
        values = {ident: one.values for ident, one in found.items()}
        bindings = await self._bindings(place, [value for one in values.values() for value in one.values()])
        changed = {
            key: _at_current(bindings, adopted or {}, values.get(placed.configuration_id or "", {}), placed)
            for key, placed in referring.items()
        }
        return {**services, **changed}

    async def _bindings(self, place: Place, values: Iterable[object]) -> dict[str, SecretBinding]:
        wanted = {value.binding_id for value in values if isinstance(value, SecretRef)}
        rows = await self.store.gather(place.partition, sorted(wanted)) if wanted else {}
        return {key: read(SecretBinding, place.partition, row) for key, row in rows.items()}

    async def uses(self, place: Place, services: Mapping[str, Placed]) -> list[Use]:
        """Which of these services run with a secret of which binding, and with which version of it."""
        configured = {key: one for key, one in services.items() if _refers(one.workload.env)}
        idents = sorted({one.configuration_id for one in configured.values() if one.configuration_id})
        known = await self.configurations.several(place, idents)
        found = []
        for service_id, placed in configured.items():
            configuration = known.get(placed.configuration_id or "")
            for key, named in (configuration.values if configuration else {}).items():
                value = placed.workload.env.get(key)
                if isinstance(named, SecretRef) and isinstance(value, SecretReference):
                    found.append(Use(service_id, named.binding_id, named.name, value.version))
        return found


def _refers(env: Variables) -> bool:
    return any(isinstance(value, SecretReference) for value in env.values())


def _at_current(
    bindings: Mapping[str, SecretBinding], adopted: Adopted, values: Mapping[str, Value], placed: Placed
) -> Placed:
    env = {key: _current(bindings, adopted, values.get(key), value) for key, value in placed.workload.env.items()}
    return placed.model_copy(update={"workload": placed.workload.model_copy(update={"env": env})})


def _current(
    bindings: Mapping[str, SecretBinding], adopted: Adopted, named: Value | None, value: str | SecretReference
) -> str | SecretReference:
    if not isinstance(value, SecretReference) or not isinstance(named, SecretRef):
        return value
    binding = bindings.get(named.binding_id)
    secret = binding.secret(named.name) if binding else None
    version = adopted.get(named.binding_id, {}).get(named.name) or (secret.version if secret else None)
    return value.model_copy(update={"version": version}) if version else value


def _referenced(bindings: Mapping[str, SecretBinding], key: str, value: SecretRef) -> SecretReference:
    binding = bindings.get(value.binding_id)
    secret = binding.secret(value.name) if binding else None
    if binding is None or secret is None or secret.version is None:
        raise ValidationFailed({f"values.{key}": ["names no secret that is bound in this environment"]})
    return SecretReference(vault_uri=binding.vault_uri, secret_name=secret.secret_name, version=secret.version)
