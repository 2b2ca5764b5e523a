"""Read what lives inside an environment, for a caller: its id leads to its partition, its tenant to nobody else's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar, cast

from shared.access.caller import Caller
from shared.kernel.errors import NotFound
from shared.kernel.ids import environment_of, is_environment_id
from shared.kernel.record import Record
from shared.store import keys
from shared.store.newest import newest
from shared.store.port import Store
from shared.store.reading import read, read_all

R = TypeVar("R", bound=Record)


async def find(store: Store, caller: Caller, record_type: type[R], prefix: str, ident: str) -> R:
    """One resource by its id, `prefix` being its kind's. Raises `NotFound` for any other id and any other tenant's."""
    partition = keys.partition_of(caller.tenant_id, environment_of(ident))
    row = await store.get(partition, ident) if ident.startswith(f"{prefix}-") else None
    if row is None:
        raise NotFound(record_type.__name__, ident)
    return read(record_type, partition, row)


async def page(
    store: Store, caller: Caller, record_type: type[R], kind: str, environment_id: str, *, limit: int, after: str
) -> tuple[list[R], str | None]:
    """An environment's resources of a kind, newest first, and where the next page begins. Raises `NotFound`."""
    partition = keys.partition_of(caller.tenant_id, environment_of(environment_id))
    known = is_environment_id(environment_id) and await store.get(partition, keys.ENVIRONMENT) is not None
    if not known:
        raise NotFound("environment", environment_id)
    found = await newest(store, partition, kind, limit=limit, after=after)
    return read_all(record_type, partition, found.rows), found.after


@dataclass(frozen=True)
class Kept(Generic[R]):
    """The resources of one kind that environments keep, for callers: one by its id, or an environment's in pages."""

    store: Store

    record: ClassVar[type[Record]]
    kind: ClassVar[str]  # prefix of its ids, and name of its list

    async def get(self, caller: Caller, ident: str) -> R:
        """Raises `NotFound`, also for what is another tenant's."""
        return await find(self.store, caller, cast("type[R]", self.record), self.kind, ident)

    async def page(self, caller: Caller, environment_id: str, limit: int, after: str) -> tuple[list[R], str | None]:
        """Newest first. Raises `NotFound`."""
        record = cast("type[R]", self.record)
        return await page(self.store, caller, record, self.kind, environment_id, limit=limit, after=after)
