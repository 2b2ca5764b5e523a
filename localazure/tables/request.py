"""A request under way: what it asks for, without the keys in it, and how far its answer is."""

from __future__ import annotations

from dataclasses import dataclass

from localazure.tables.framing import Head


@dataclass(eq=False)
class Request:
    """`own` is the answer that is given here, with its status, once the request is `whole`; `answer` is Azurite's.

    `lost`: Azurite's answer is not passed on.
    """

    head: Head
    lost: bool
    own: tuple[int, bytes] | None = None
    whole: bool = False
    answer: Head | None = None
    answered: bool = False

    @property
    def method(self) -> str:
        return self.head.words[0]

    @property
    def operation(self) -> str:
        """As traffic tells it."""
        return template(self.head.words[1])

    @property
    def keeps(self) -> bool:
        """Whether the connection goes on after it."""
        return self.head.keeps and (self.answer is None or self.answer.keeps)


def template(target: str) -> str:
    """The path of a request target without account, keys and query.

    `/account/runtime(PartitionKey='a',RowKey='b')` → `/runtime(PartitionKey,RowKey)`; `/account/Tables('runtime')` →
    `/Tables(name)`; `/account/$batch` → `/$batch`; `/account/runtime()?$filter=…` → `/runtime()`.
    """
    path = target.partition("?")[0]
    _, _, resource = path.lstrip("/").partition("/")
    name, opened, keys = resource.partition("(")
    if not opened:
        return f"/{name}"
    if keys.startswith(")"):
        return f"/{name}()"
    return f"/{name}(PartitionKey,RowKey)" if keys.startswith("PartitionKey") else f"/{name}(name)"
