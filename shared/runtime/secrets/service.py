"""Bind a workload to secrets: load, look into the vault's list of versions, commit once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.events.due import Due
from shared.events.journal import Journal
from shared.kernel import ids
from shared.kernel.clock import Clock
from shared.kernel.errors import ValidationFailed
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent
from shared.runtime.environments.isolation import Admitted
from shared.runtime.secrets.bound_vaults import BoundVaults
from shared.runtime.secrets.model import BindRequest, Bound, BoundSecret, SecretBinding
from shared.runtime.secrets.versions import Vault
from shared.store import keys

LISTED = "sec"
NAMED = 5  # secrets in a summary


class ListedBinding(Record):
    secret_binding_id: str


@dataclass(frozen=True)
class Binding:
    journal: Journal
    vault: Vault
    clock: Clock
    vaults: frozenset[str]  # allowed besides the environment's own, where its binding has no list
    bound: BoundVaults
    due: Due

    async def bind(self, intent: Intent, admitted: Admitted, request: BindRequest) -> Answer:
        """Raises `ValidationFailed` naming each secret without an enabled version, `PolicyDenied`, `Transient`."""
        intent.check(admitted.require_provisioned)
        intent.check(lambda: self._require_allowed(admitted, request))
        intent.check(lambda: _require_each_once(request.secrets))
        secrets = await intent.ask(self._seen(request)) or []
        for secret in secrets:
            intent.will("create", f"secret-bindings/{request.service_id}/{secret.name}", f"version {secret.version}")
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        binding = self._binding(intent, admitted, request, secrets)
        tx = intent.transaction(
            admitted.place,
            "secret-binding.bound",
            binding.secret_binding_id,
            f"{request.service_id} was bound to {told(names_of(secrets))} of {request.vault_uri}",
            permit,
        )
        tx.create(binding.secret_binding_id, binding)
        tx.create(
            keys.listed(LISTED, binding.created_at, binding.secret_binding_id),
            ListedBinding(secret_binding_id=binding.secret_binding_id),
        )
        location = f"/secret-bindings/{binding.secret_binding_id}"
        answer = intent.remember(tx, Answer(201, binding.document(Bound), location))
        await self.bound.add(binding.vault_uri, admitted.place)
        if (due := min(filter(None, map(binding.due_at, names_of(secrets))), default=None)) is not None:
            await self.due.announce(admitted.place, due)
        await self.journal.commit(tx)
        return answer

    def _require_allowed(self, admitted: Admitted, request: BindRequest) -> None:
        if request.vault_uri not in self._allowed(admitted):
            raise ValidationFailed({"vaultUri": ["is neither the environment's vault nor allowed for it"]})

    def _allowed(self, admitted: Admitted) -> set[str]:
        """The environment's own vault, and what its binding allows; the platform's list where the binding says nothing."""
        others = admitted.binding.allowed_vaults
        own = admitted.environment.outputs.get("vaultUri", "")
        return {uri.rstrip("/") for uri in (own, *(self.vaults if others is None else others)) if uri}

    async def _seen(self, request: BindRequest) -> list[BoundSecret]:
        """Each secret at the version asked for, or the newest that is enabled."""
        errors: dict[str, list[str]] = {}
        seen: list[BoundSecret] = []
        for index, secret in enumerate(request.secrets):
            versions = await self.vault.versions(request.vault_uri, secret.secret_name)
            enabled = [one.version for one in versions if one.enabled and secret.version in (None, one.version)]
            if enabled:
                seen.append(secret.model_copy(update={"version": enabled[0]}))
            else:
                errors[f"secrets[{index}]"] = [f"the vault lists no enabled version of {secret.secret_name}"]
        if errors:
            raise ValidationFailed(errors)
        return seen

    def _binding(
        self, intent: Intent, admitted: Admitted, request: BindRequest, secrets: list[BoundSecret]
    ) -> SecretBinding:
        environment = admitted.environment
        return SecretBinding(
            secret_binding_id=ids.inside(ids.Kind.SECRET_BINDING, environment.environment_id, intent.own),
            tenant_id=environment.tenant_id,
            environment_id=environment.environment_id,
            service_id=request.service_id,
            vault_uri=request.vault_uri,
            secrets=secrets,
            rotation=request.rotation,
            bound_by=intent.caller.subject,
            created_at=self.clock(),
            trace_id=intent.caller.trace_id,
        )


def names_of(secrets: Sequence[BoundSecret]) -> list[str]:
    return [secret.name for secret in secrets]


def told(names: Sequence[str]) -> str:
    """Names only: what a secret is called, never what it is."""
    some = ", ".join(names[:NAMED])
    return f"{some} and {len(names) - NAMED} more" if len(names) > NAMED else some


def _require_each_once(secrets: Sequence[BoundSecret]) -> None:
    names = names_of(secrets)
    if len(set(names)) != len(names):
        raise ValidationFailed({"secrets": ["a name is bound twice"]})
