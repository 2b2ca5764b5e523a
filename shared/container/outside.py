"""What reaches the outside, who may come in, and the store with its journal: what all else is made on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property

from shared.access.authoriser import Authoriser
from shared.access.client_credentials import ClientCredentials
from shared.access.governance import Governance
from shared.access.keys import SigningKeys
from shared.access.limits import Limits
from shared.access.outbound import Outbound
from shared.access.tokens import Tokens
from shared.azure.arm import Arm
from shared.azure.bus import Bus
from shared.azure.credentials import Credentials
from shared.azure.messaging import Messaging
from shared.azure.registry import Registries
from shared.azure.vault import Vaults
from shared.events.active import Active
from shared.events.due import Due
from shared.events.journal import Journal
from shared.events.outbox import Outbox
from shared.kernel.clock import draw, now
from shared.kernel.settings import Settings
from shared.operations.runs import Runs
from shared.store.connection import Account
from shared.store.revision import Revised
from shared.store.table import TableStore
from shared.targets.port import Target
from shared.targets.registry import Targets, build


class Outside:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    # What reaches the outside.

    @cached_property
    def credentials(self) -> Credentials:
        return Credentials(self.settings.identity.managed_identity_client_id)

    @cached_property
    def store(self) -> Revised:
        state = self.settings.state
        if state.tables_connection:
            return Revised(TableStore(Account(connection_string=state.tables_connection)))
        return Revised(TableStore(Account(endpoint=state.tables_endpoint, credential=self.credentials.get())))

    @cached_property
    def bus(self) -> Bus:
        return Bus(self.settings.state.service_bus, self.credentials.get)

    @cached_property
    def messaging(self) -> Messaging:
        return Messaging(self.bus)

    @cached_property
    def arm(self) -> Arm:
        return Arm(self.credentials.get)

    @cached_property
    def vaults(self) -> Vaults:
        return Vaults(self.credentials.get)

    @cached_property
    def registries(self) -> Registries:
        return Registries(self.credentials.get)

    @cached_property
    def made_targets(self) -> Targets:
        return build(self.arm, self.credentials.get, now)

    @property
    def targets(self) -> Mapping[str, Target]:
        return self.made_targets.by_name

    @cached_property
    def issuer(self) -> Outbound:
        return Outbound("issuer")

    @cached_property
    def policy(self) -> Outbound:
        return Outbound("policy")

    # Access.

    @cached_property
    def signing_keys(self) -> SigningKeys:
        return SigningKeys(self.settings.identity.issuer, self.issuer.fetch, time.monotonic)

    @cached_property
    def authoriser(self) -> Authoriser:
        identity = self.settings.identity
        return Authoriser(
            Tokens(
                self.signing_keys,
                issuer=identity.issuer,
                audience=identity.audience,
                tenant_claim=identity.tenant_claim,
                decryption_key=identity.decryption_key,
                clock=now,
            ),
            Limits(self.settings.platform.tenant_requests),
        )

    @cached_property
    def probe_credentials(self) -> ClientCredentials:
        isolation, issuer = self.settings.isolation, self.settings.identity.issuer
        fetch, post = self.issuer.fetch, self.issuer.post
        return ClientCredentials(issuer, isolation.client_id, isolation.client_secret, fetch, post, now)

    @cached_property
    def governance(self) -> Governance:
        governance = self.settings.governance
        return Governance(
            governance.url,
            self.policy.post,
            clock=now,
            bearer=self._bearer if governance.scope else None,
            receipt_lifetime=governance.receipt_lifetime,
        )

    async def _bearer(self) -> str:
        token = await self.credentials.get().get_token(self.settings.governance.scope or "")
        return token.token

    # State and events.

    @cached_property
    def active(self) -> Active:
        return Active(self.store, draw, self.settings.state.shards)

    @cached_property
    def due(self) -> Due:
        return Due(self.store, draw, self.settings.state.shards)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.store, self.messaging, draw)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.store, self.active, now, draw, self.outbox.nudge)

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.store, self.journal, now, draw)
