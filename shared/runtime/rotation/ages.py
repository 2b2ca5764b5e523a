"""How old the versions are that bindings use: told of every binding, whether or not anything is due for it.

One read an environment, and none where nobody takes telemetry. A page of `MOST` bindings is what one environment is looked
at for; what cannot be read is left out and named in the log.
"""

from __future__ import annotations

from datetime import datetime

from shared.events.journal import Place
from shared.kernel import telemetry
from shared.kernel.metrics import ROTATION_AGE, record
from shared.runtime.environments.sweeping import visit_shard
from shared.runtime.rotation.retiring import MOST, PREFIX
from shared.runtime.secrets.model import SecretBinding
from shared.store.port import Store
from shared.store.reading import read_all


async def measure_shard(store: Store, shard: int, now: datetime) -> None:
    """Tell the age of every binding of a shard's environments. Raises `Transient` when the shard's list cannot be read."""
    if not telemetry.is_taken():
        return

    async def one(place: Place) -> None:
        rows = await store.list(place.partition, PREFIX, limit=MOST)
        for binding in read_all(SecretBinding, place.partition, rows):
            record(ROTATION_AGE, binding.age(now).total_seconds(), binding=binding.secret_binding_id)

    await visit_shard(store, shard, one)
