"""The end of versions that were replaced, when their overlap is over: last, and only while nobody is known to use them.

It holds no slot and waits for nothing: the binding says what is to go and when, and the vault is told once that is due.
Telling it twice is telling it once. A version that some binding or some running service still names stays for now, in
whatever environment that is: several may share a vault.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from shared.events.journal import PLATFORM_CLIENT, Cause, Journal, Place, Transaction
from shared.kernel.clock import Clock
from shared.kernel.errors import Refused
from shared.operations.runs import rerun
from shared.runtime.catalog.model import Placed
from shared.runtime.catalog.rows import Catalog
from shared.runtime.environments.model import Environment
from shared.runtime.rotation.service import SUBJECT
from shared.runtime.secrets.bound_vaults import BoundVaults
from shared.runtime.secrets.model import Outgoing, SecretBinding
from shared.runtime.secrets.versions import Vault
from shared.store import keys
from shared.store.reading import read, read_all
from shared.targets.port import SecretReference

log = logging.getLogger(__name__)
MOST = 1000
PREFIX = "sec-"


@dataclass(frozen=True)
class Retiring:
    journal: Journal
    catalog: Catalog
    bound: BoundVaults
    vault: Vault
    clock: Clock

    async def retire(self, place: Place, binding: SecretBinding) -> None:
        """Disable what is due of a binding. Key: (secret, version). Raises `Transient`."""
        for outgoing in [one for one in binding.outgoing if one.disable_at <= self.clock()]:
            if await self._is_used(binding.vault_uri, outgoing):
                continue
            try:
                await self.vault.disable(binding.vault_uri, outgoing.secret_name, outgoing.version)
            except Refused as refused:  # the platform may not: the binding goes on saying what is left to do
                log.warning("%s: a version was not disabled: %s", binding.secret_binding_id, refused.code)
                continue
            await rerun(self._forget, place, binding.secret_binding_id, outgoing)

    async def _forget(self, place: Place, ident: str, outgoing: Outgoing) -> None:
        row = await self.journal.store.get(place.partition, ident)
        binding = read(SecretBinding, place.partition, row) if row else None
        if row is None or binding is None or outgoing not in binding.outgoing:
            return
        cause = Cause(SUBJECT, PLATFORM_CLIENT, binding.trace_id, caused_by=ident)
        summary = f"an earlier version of {outgoing.secret_name} was disabled: its overlap is over, and nobody uses it"
        tx = Transaction(place, cause, "secret-binding.version-disabled", ident, summary)
        left = [one for one in binding.outgoing if one != outgoing]
        tx.replace(row, binding.model_copy(update={"outgoing": left}))
        await self.journal.commit(tx)

    async def _is_used(self, vault_uri: str, outgoing: Outgoing) -> bool:
        for place in await self.bound.places(vault_uri):
            rows = await self.journal.store.list(place.partition, PREFIX, limit=MOST)
            if any(_names(one, vault_uri, outgoing) for one in read_all(SecretBinding, place.partition, rows)):
                return True
            if any(_runs_with(one, vault_uri, outgoing) for one in await self._running(place)):
                return True
        return False

    async def _running(self, place: Place) -> list[Placed]:
        row = await self.journal.store.get(place.partition, keys.ENVIRONMENT)
        stable = Environment.read(row.document).stable_deployment_id if row else None
        snapshot = await self.catalog.snapshot(place, stable)
        return list(snapshot.services.values()) if snapshot else []


def _names(binding: SecretBinding, vault_uri: str, outgoing: Outgoing) -> bool:
    """Whether it is the version that a binding uses, or is about to."""
    if binding.vault_uri != vault_uri:
        return False
    turn = binding.found_versions
    return any(
        secret.secret_name == outgoing.secret_name and outgoing.version in (secret.version, turn.get(secret.name))
        for secret in binding.secrets
    )


def _runs_with(placed: Placed, vault_uri: str, outgoing: Outgoing) -> bool:
    reference = SecretReference(vault_uri=vault_uri, secret_name=outgoing.secret_name, version=outgoing.version)
    return reference in placed.workload.env.values()
