"""Whoever owns a secret is asked for a newer version, by an event: the platform makes no secrets.

Once for each version that is to be replaced: the binding remembers that it has asked, until a newer one is in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.events.journal import Transaction
from shared.runtime.secrets.events import SecretRotationRequested
from shared.runtime.secrets.model import SecretBinding
from shared.store.port import Row


def ask(tx: Transaction, row: Row, binding: SecretBinding, names: Sequence[str], now: datetime) -> None:
    """Add to `tx`: an event for each of `names`, and that the binding's owner was asked for newer versions of them."""
    tx.replace(row, binding.asked_for(list(names), now))
    for secret in binding.secrets:
        if secret.name in names:
            requested = SecretRotationRequested(
                secret_binding_id=binding.secret_binding_id,
                environment_id=binding.environment_id,
                service_id=binding.service_id,
                vault_uri=binding.vault_uri,
                name=secret.name,
                secret_name=secret.secret_name,
                version=secret.version or "",
            )
            tx.emit(requested, module_id=binding.service_id)


def unasked(binding: SecretBinding, names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in binding.requested]
