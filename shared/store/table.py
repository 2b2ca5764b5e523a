"""The Store on Table Storage: one table, a partition key in every request, one `$batch` per commit.

Invariants
- A commit is one entity group transaction, also when it is a single change: atomic, and its rows carry its id.
- A refusal (404, 409, 412) is settled by reading the commit's rows back, never by its text: azure-core repeats a POST after
  500, 503 and 504, so the refusal may be the echo of our own success. Where nothing is known (time-out, broken
  connection) the rows are read back too, and the commit is sent once more: being idempotent, it may be.
- Reading back and sending again share one time budget.

Failure modes: `Transient` when the store cannot be asked in time, `Conflict` for a lost race, `TooLarge` before sending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.kernel.errors import Transient
from shared.store.connection import DEPENDENCY, TABLE, Account, Patience, Policies, TableConnection
from shared.store.limits import Columns, check_changes, check_wire_size, is_key
from shared.store.packing import COMMIT, Packing, Upgrade
from shared.store.port import Change, Conflict, Create, Delete, Put, Row
from shared.store.query import KEYS_PER_QUERY, Filter, ask, key_range, point_read, these_keys
from shared.store.settling import Standing, first_in_the_way, has_landed

if TYPE_CHECKING:
    from azure.data.tables import TableEntity

Operation = tuple[Any, ...]  # as `TableClient.submit_transaction` takes them

SENDINGS = 2
_REFUSALS = frozenset({404, 409, 412})
_STANDING = ("RowKey", COMMIT, "Timestamp")  # where an answer carries no ETag, the SDK makes it from the time stamp


class TableStore:
    """A `Store`; see `port.Store` for what its methods promise.

    Args:
        account: where the table is.
        table: its name; it is created when it does not exist.
        upgrades: as in `Packing`.
        patience, policies: as in `connection`.

    One instance per event loop; `close` it there.
    """

    def __init__(
        self,
        account: Account,
        *,
        table: str = TABLE,
        upgrades: Mapping[int, Upgrade] | None = None,
        patience: Patience | None = None,
        policies: Policies | None = None,
    ) -> None:
        self._connection = TableConnection(account, table, patience, policies)
        self._packing = Packing(upgrades)

    async def close(self) -> None:
        await self._connection.close()

    async def get(self, partition: str, key: str) -> Row | None:
        if not (is_key(partition) and is_key(key)):
            return None
        entity = await self._connection.run(lambda client: point_read(client, partition, key))
        return None if entity is None else self._row(partition, entity)

    async def gather(self, partition: str, keys: Sequence[str]) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for question in these_keys(partition, keys):
            entities = await self._ask(question, KEYS_PER_QUERY)
            found |= {entity["RowKey"]: self._row(partition, entity) for entity in entities}
        return found

    async def commit(self, partition: str, commit_id: str, changes: Sequence[Change]) -> None:
        check_changes(partition, commit_id, changes)
        columns = {change.key: self._columns(change, commit_id) for change in changes}
        check_wire_size(partition, columns)
        if changes:
            operations = [_operation(partition, change, columns[change.key]) for change in changes]
            async with self._connection.bounded():
                await self._settle(partition, commit_id, changes, operations)

    async def _settle(
        self, partition: str, commit_id: str, changes: Sequence[Change], operations: Sequence[Operation]
    ) -> None:
        unknown: Transient | None = None
        for _ in range(SENDINGS):
            refused: int | None = None
            try:
                refused = await self._refused(operations)
                if refused is None:
                    return
            except Transient as error:
                unknown = error
            standing = await self._standing(partition, changes)
            if has_landed(commit_id, changes, standing):
                return
            if refused is not None:
                raise Conflict(first_in_the_way(changes, standing) or changes[refused].key)
        raise unknown or Transient(DEPENDENCY)

    async def _refused(self, operations: Sequence[Operation]) -> int | None:
        """Send the transaction. None: it was applied; else the index of the operation that the service names."""
        from azure.core.exceptions import HttpResponseError

        try:
            await self._connection.run(lambda client: client.submit_transaction(operations))
        except HttpResponseError as error:
            if error.status_code not in _REFUSALS:
                raise
            index = getattr(error, "index", 0)
            return index if 0 <= index < len(operations) else 0
        return None

    async def _standing(self, partition: str, changes: Sequence[Change]) -> dict[str, Standing]:
        standing: dict[str, Standing] = {}
        for question in these_keys(partition, [change.key for change in changes]):
            for entity in await self._ask(question, KEYS_PER_QUERY, _STANDING):
                standing[entity["RowKey"]] = Standing(_version(entity), str(entity.get(COMMIT)))
        return standing

    async def _ask(self, question: Filter, limit: int, select: Sequence[str] | None = None) -> Sequence[TableEntity]:
        return await self._connection.run(lambda client: ask(client, question, limit, select))

    def _columns(self, change: Change, commit_id: str) -> Columns:
        return {} if isinstance(change, Delete) else self._packing.pack(change.key, change.document, commit_id)

    def _row(self, partition: str, entity: TableEntity) -> Row:
        key = entity["RowKey"]
        return Row(key, self._packing.unpack(partition, key, entity), _version(entity))

    # Last, because below it the name `list` is this method for a type checker.
    async def list(self, partition: str, prefix: str, *, limit: int, after: str = "") -> Sequence[Row]:
        question = key_range(partition, prefix, after)
        if question is None or limit <= 0:
            return []
        return [self._row(partition, entity) for entity in await self._ask(question, limit)]


def _version(entity: TableEntity) -> str:
    return str(entity.metadata["etag"])


def _operation(partition: str, change: Change, columns: Columns) -> Operation:
    from azure.core import MatchConditions
    from azure.data.tables import UpdateMode

    entity = {"PartitionKey": partition, "RowKey": change.key, **columns}
    if isinstance(change, Create):
        return ("create", entity)
    if isinstance(change, Put):
        return ("upsert", entity, {"mode": UpdateMode.REPLACE})
    condition = {"etag": change.version, "match_condition": MatchConditions.IfNotModified}
    if isinstance(change, Delete):
        return ("delete", entity, condition)
    return ("update", entity, {"mode": UpdateMode.REPLACE, **condition})
