"""Where the notices of environments' vaults arrive, and the identity as which Event Grid sends them.

One for all environments: it sends to that one queue, and keeps what it could not deliver in a container of its own.
"""

from __future__ import annotations

import pulumi

from infra.components.ground import Component, Ground
from infra.components.identity import Identity
from infra.components.storage import Account
from infra.platform.messaging import Messaging
from shared.kernel import channels

UNDELIVERED = "undelivered-notices"


class Notices(Component):
    """`told`: the outputs; its three resources by their ids in `standing`."""

    def __init__(
        self,
        ground: Ground,
        account: Account,
        messaging: Messaging,
        *,
        parent: pulumi.Resource,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("Notices", "NoticesOf", parent)
        self.identity = Identity(ground, "NoticesIdentity", "id-notices", parent=self, after=after)
        self.queue, self.container = messaging.queue_id(channels.NOTICES), account.container_id(UNDELIVERED)
        self.standing: dict[str, pulumi.Resource] = {
            self.identity.named.id: self.identity.resource,
            self.queue: messaging.queues[channels.NOTICES],
            self.container: account.container("UndeliveredNotices", UNDELIVERED),
        }
        self.told = {
            "noticesIdentityId": self.identity.named.id,
            "noticesQueueId": self.queue,
            "noticesContainerId": self.container,
        }
        self.register_outputs({})
