"""From a configuration's values to a workload's variables: references become vault references with a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.events.journal import Place
from shared.kernel.errors import ValidationFailed
from shared.runtime.configurations.model import SecretRef, as_variable
from shared.runtime.configurations.reading import Configurations
from shared.runtime.secrets.model import SecretBinding
from shared.store.port import Store
from shared.store.reading import read, read_all
from shared.targets.port import SecretReference

MOST = 1000


@dataclass(frozen=True)
class Resolver:
    store: Store
    configurations: Configurations

    async def variables(self, place: Place, configuration_id: str, module_id: str) -> dict[str, str | SecretReference]:
        """The variables that a configuration gives to a module; none when it is another module's.

        Raises `ValidationFailed` when it names a secret that is not bound (any more).
        """
        configuration = await self.configurations.require(place, configuration_id, "configurationId")
        if configuration.module_id not in (None, module_id):
            return {}
        bindings = await self._bindings(place, configuration.values.values())
        variables: dict[str, str | SecretReference] = {}
        for key, value in configuration.values.items():
            variables[key] = _referenced(bindings, key, value) if isinstance(value, SecretRef) else as_variable(value)
        return variables

    async def _bindings(self, place: Place, values: Iterable[object]) -> dict[str, SecretBinding]:
        wanted = {value.binding_id for value in values if isinstance(value, SecretRef)}
        rows = await self.store.gather(place.partition, sorted(wanted)) if wanted else {}
        return {key: read(SecretBinding, place.partition, row) for key, row in rows.items()}

    async def refreshed(self, place: Place, env: Mapping[str, str | SecretReference]) -> dict[str, str | SecretReference]:
        """The same variables with each secret at the version its binding uses now."""
        if not any(isinstance(value, SecretReference) for value in env.values()):
            return dict(env)
        rows = await self.store.list(place.partition, "sec-", limit=MOST)
        current = {
            (binding.vault_uri, secret.secret_name): secret.version
            for binding in read_all(SecretBinding, place.partition, rows)
            for secret in binding.secrets
        }
        return {
            key: _at(value, current.get((value.vault_uri, value.secret_name)))
            if isinstance(value, SecretReference)
            else value
            for key, value in env.items()
        }


def _at(reference: SecretReference, version: str | None) -> SecretReference:
    return reference.model_copy(update={"version": version}) if version else reference


def _referenced(bindings: Mapping[str, SecretBinding], key: str, value: SecretRef) -> SecretReference:
    binding = bindings.get(value.binding_id)
    secret = binding.secret(value.name) if binding else None
    if binding is None or secret is None or secret.version is None:
        raise ValidationFailed({f"values.{key}": ["names no secret that is bound in this environment"]})
    return SecretReference(vault_uri=binding.vault_uri, secret_name=secret.secret_name, version=secret.version)
