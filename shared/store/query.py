"""Questions to the table: every one names the partition, and values are parameters, never formatted text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.store.connection import TABLE_NOT_FOUND
from shared.store.limits import is_key

if TYPE_CHECKING:
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

PAGE = 1000  # rows a query answers at most
KEYS_PER_QUERY = 14  # a filter holds 15 comparisons, and the partition key is one


@dataclass(frozen=True)
class Filter:
    text: str
    parameters: dict[str, str] = field(default_factory=dict)


def key_range(partition: str, prefix: str, after: str) -> Filter | None:
    """Keys that start with `prefix` and sort after `after`; None when no key can.

    Keys are printable ASCII: what starts with a prefix lies between it and the prefix with its last character raised.
    """
    if not all(is_key(text) for text in (partition, prefix or "-", after or "-")):
        return None
    text, parameters = "PartitionKey eq @partition", {"partition": partition}
    if after and after >= prefix:
        text, parameters["after"] = f"{text} and RowKey gt @after", after
    elif prefix:
        text, parameters["from"] = f"{text} and RowKey ge @from", prefix
    if prefix:
        text, parameters["below"] = f"{text} and RowKey lt @below", prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return Filter(text, parameters)


def these_keys(partition: str, keys: Sequence[str]) -> Iterator[Filter]:
    """As few questions as hold all `keys`, each once; keys that cannot exist are not asked for."""
    legal = list(dict.fromkeys(key for key in keys if is_key(key))) if is_key(partition) else []
    for start in range(0, len(legal), KEYS_PER_QUERY):
        named = {f"key{index}": key for index, key in enumerate(legal[start : start + KEYS_PER_QUERY])}
        either = " or ".join(f"RowKey eq @{name}" for name in named)
        yield Filter(f"PartitionKey eq @partition and ( {either} )", {"partition": partition, **named})


async def ask(client: TableClient, question: Filter, limit: int, select: Iterable[str] | None = None) -> list[TableEntity]:
    """Up to `limit` entities in key order, over as many pages as the service cuts them into."""
    found: list[TableEntity] = []
    pages = client.query_entities(
        question.text,
        parameters=question.parameters,
        select=None if select is None else list(select),
        results_per_page=min(limit, PAGE),
    )
    async for entity in pages:
        found.append(entity)
        if len(found) == limit:
            break
    return found


async def point_read(client: TableClient, partition: str, key: str) -> TableEntity | None:
    """One entity by its keys. A missing table is the SDK's error, for `connection` to mend."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return await client.get_entity(partition, key)
    except ResourceNotFoundError as error:
        if getattr(error, "error_code", None) == TABLE_NOT_FOUND:
            raise
        return None
