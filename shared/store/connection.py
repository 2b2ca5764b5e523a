"""One table of one storage account as a connection: made on first use, table ensured, errors typed, time bounded.

- The table is created on the first call and again whenever the service says that it is gone (an Azurite killed soon after
  its start forgets it).
- Whatever keeps the store from answering (no connection, a time-out, throttling, 5xx, a refused credential) is
  `Transient("tables")`. aiohttp reports a connection that died *after* sending as a request error, too, so that no error
  here says whether a write happened: `table.TableStore` finds out by reading.
- Everything ends within the budget, however often azure-core tries again.

The SDK is imported on first use. A connection belongs to the event loop that used it first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from shared.kernel.errors import Transient

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.exceptions import HttpResponseError
    from azure.data.tables.aio import TableClient

T = TypeVar("T")

DEPENDENCY = "tables"
TABLE = "runtime"
TABLE_NOT_FOUND = "TableNotFound"

TABLE_BEING_DELETED = "TableBeingDeleted"  # by somebody, for some seconds: it can be made again afterwards

_BUSY = frozenset({401, 403, 408, 429})  # beside 5xx: the store is there and does not serve us now

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """Where the table is and how to get in: a connection string, or an https endpoint with a token credential.

    Raises:
        ValueError: neither or both are given.
    """

    connection_string: str = ""
    endpoint: str = ""
    credential: AsyncTokenCredential | None = None  # the caller's: it is not closed here

    def __post_init__(self) -> None:
        if bool(self.connection_string) == bool(self.endpoint and self.credential):
            raise ValueError("give a connection string, or an endpoint with a credential")


@dataclass(frozen=True)
class Patience:
    """How long a call may take, in seconds."""

    connect: float = 2.0
    read: float = 5.0
    budget: float = 10.0  # for one call of the port, with all that is tried again in it


@dataclass(frozen=True)
class Policies:
    """azure-core policies to add to the SDK's own."""

    per_call: Sequence[Any] = ()  # once per call of the SDK
    per_attempt: Sequence[Any] = ()  # around every single request


class TableConnection:
    def __init__(
        self, account: Account, table: str = TABLE, patience: Patience | None = None, policies: Policies | None = None
    ) -> None:
        self._account = account
        self._name = table
        self._patience = patience or Patience()
        self._policies = policies or Policies()
        self._client: TableClient | None = None
        self._ensured = False
        self._ensuring = asyncio.Lock()

    async def run(self, call: Callable[[TableClient], Awaitable[T]]) -> T:
        """What `call` answers. Raises `Transient`, or the SDK's own error for what the service refused."""
        async with self.bounded():
            client = await self._ready()
            try:
                return await call(client)
            except Exception as error:  # of an SDK that is not imported here; all but one are raised again
                if getattr(error, "error_code", None) != TABLE_NOT_FOUND:
                    raise
            self._ensured = False
            return await call(await self._ready())

    async def close(self) -> None:
        """Close the sockets. Closing twice is fine."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """The time budget and the error mapping of `run` around several of them."""
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            async with asyncio.timeout(self._patience.budget):
                yield
        except TimeoutError:
            raise Transient(DEPENDENCY) from None
        except HttpResponseError as error:
            if not _is_busy(error):
                raise
            _log.warning("Table Storage answered %s (%s)", error.status_code, getattr(error, "error_code", None))
            raise Transient(DEPENDENCY, retry_after=_retry_after(error)) from error
        except AzureError as error:  # no answer at all: connection, time-out, broken body
            _log.warning("Table Storage did not answer: %s", type(error).__name__)
            raise Transient(DEPENDENCY) from error

    async def _ready(self) -> TableClient:
        client = self._client or self._connect()
        if not self._ensured:
            async with self._ensuring:
                if not self._ensured:
                    await _ensure_table(client)
                    self._ensured = True
        return client

    def _connect(self) -> TableClient:
        from azure.data.tables.aio import TableClient

        options: dict[str, Any] = {
            "use_env_settings": False,  # no proxy lies between us and our state, and looking for one costs 200 µs a call
            "auto_request_id": False,
            "connection_timeout": self._patience.connect,
            "read_timeout": self._patience.read,
            "retry_total": 2,
            "retry_backoff_factor": 0.1,
            "per_call_policies": list(self._policies.per_call),
            "per_retry_policies": list(self._policies.per_attempt),
        }
        account = self._account
        if account.connection_string:
            self._client = TableClient.from_connection_string(account.connection_string, self._name, **options)
        else:
            self._client = TableClient(account.endpoint, self._name, credential=account.credential, **options)
        return self._client


async def _ensure_table(client: TableClient) -> None:
    from azure.core.exceptions import ResourceExistsError

    try:
        await client.create_table()
    except ResourceExistsError:
        return


def _is_busy(error: HttpResponseError) -> bool:
    if getattr(error, "error_code", None) == TABLE_BEING_DELETED:
        return True
    return error.status_code is None or error.status_code >= 500 or error.status_code in _BUSY


def _retry_after(error: HttpResponseError) -> float:
    """Seconds, as the service asks for them; 1 when it does not. An HTTP date is not used by Azure Storage."""
    header = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
    return float(header) if header.isascii() and header.isdigit() else 1.0
