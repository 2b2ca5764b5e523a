"""The platform's one identity in Azure: the managed identity of the app, shared by every client.

There is no other way to sign in: on one machine the managed identity's endpoint is a stand-in, found through the same
variables (`IDENTITY_ENDPOINT`, `IDENTITY_HEADER`) as in Azure. The credential belongs to the event loop that first asks
for it; whoever builds the container closes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.identity.aio import ManagedIdentityCredential

CredentialFactory = Callable[[], "AsyncTokenCredential"]


class Credentials:
    """Makes the credential when it is first needed. `client_id` names a user-assigned identity, None the system's."""

    def __init__(self, client_id: str | None = None) -> None:
        self._client_id = client_id
        self._credential: ManagedIdentityCredential | None = None

    def get(self) -> AsyncTokenCredential:
        if self._credential is None:
            from azure.identity.aio import ManagedIdentityCredential

            self._credential = ManagedIdentityCredential(client_id=self._client_id)
        return self._credential

    async def close(self) -> None:
        credential, self._credential = self._credential, None
        if credential is not None:
            await credential.close()
