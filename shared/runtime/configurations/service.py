"""Publish a configuration: load, decide, commit once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.events.journal import Journal, Transaction
from shared.kernel import ids
from shared.kernel.canonical import sha256
from shared.kernel.clock import Clock
from shared.kernel.errors import ValidationFailed
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent
from shared.runtime.configurations.model import Configuration, Published, PublishRequest, SecretRef, looks_like_a_secret
from shared.runtime.environments.isolation import Admitted
from shared.store import keys

LISTED = "cfg"


class Versions(Record):
    """The last version of an environment and module: two publications that meet here are ordered."""

    last: int


class ListedConfiguration(Record):
    configuration_id: str


@dataclass(frozen=True)
class Publishing:
    journal: Journal
    clock: Clock

    async def publish(self, intent: Intent, admitted: Admitted, request: PublishRequest) -> Answer:
        """Raises `ValidationFailed` naming each key whose value looks like a secret or whose reference is unknown."""
        intent.check(admitted.require_provisioned)
        await intent.ask(self._require_clean(admitted, request))
        place = admitted.place
        key = f"cfgv-{request.module_id or ''}"
        counter = await self.journal.store.get(place.partition, key)
        version = (Versions.read(counter.document).last if counter else 0) + 1
        configuration = self._configuration(intent, admitted, request, version)
        intent.will("create", f"configurations/{request.module_id or '*'}", f"version {version}: {_counted(request)}")
        tx = intent.transaction(
            place,
            "configuration.published",
            configuration.configuration_id,
            f"configuration version {version} for {request.module_id or 'every module'} was published: {_counted(request)}",
        )
        tx.create(configuration.configuration_id, configuration)
        tx.create(
            keys.listed(LISTED, configuration.created_at, configuration.configuration_id),
            ListedConfiguration(configuration_id=configuration.configuration_id),
        )
        tx.write(counter, key, Versions(last=version))
        answer = Answer(201, configuration.document(Published), f"/configurations/{configuration.configuration_id}")
        return await self._committed(intent, tx, answer)

    async def _committed(self, intent: Intent, tx: Transaction, answer: Answer) -> Answer:
        intent.remember(tx, answer)
        await self.journal.commit(tx)
        return answer

    async def _require_clean(self, admitted: Admitted, request: PublishRequest) -> None:
        errors = {
            f"values.{key}": ["looks like a secret: bind it and use {secretRef} instead"]
            for key, value in request.values.items()
            if looks_like_a_secret(key, value)
        }
        bound = {value.binding_id for value in request.values.values() if isinstance(value, SecretRef)}
        known = await self.journal.store.gather(admitted.place.partition, sorted(bound)) if bound else {}
        for key, value in request.values.items():
            if isinstance(value, SecretRef) and not _names(known, value):
                errors[f"values.{key}"] = ["names no secret that is bound in this environment"]
        if errors:
            raise ValidationFailed(errors)

    def _configuration(self, intent: Intent, admitted: Admitted, request: PublishRequest, version: int) -> Configuration:
        environment = admitted.environment
        return Configuration(
            configuration_id=ids.inside(ids.Kind.CONFIGURATION, environment.environment_id, intent.own),
            tenant_id=environment.tenant_id,
            environment_id=environment.environment_id,
            module_id=request.module_id,
            version=version,
            content_hash=sha256(request.document()["values"]),
            values=request.values,
            comment=request.comment,
            published_by=intent.caller.subject,
            created_at=self.clock(),
            trace_id=intent.caller.trace_id,
        )


def _counted(request: PublishRequest) -> str:
    secrets = sum(isinstance(value, SecretRef) for value in request.values.values())
    return f"keys {len(request.values)}" + (f", secret references {secrets}" if secrets else "")


def _names(known: Any, reference: SecretRef) -> bool:
    row = known.get(reference.binding_id)
    return row is not None and any(secret["name"] == reference.name for secret in row.document["secrets"])
