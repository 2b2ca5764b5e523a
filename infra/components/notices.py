"""What a vault tells of its secrets, sent to the platform's queue: one is near its end or past it, or has a newer version.

Event Grid sends as the platform's identity for notices, which may send to that queue and nowhere else. The environment's
own identity may not, so no workload makes up a notice. What could not be delivered within a day is kept as a blob:
rotations that are due by time come about without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_azure_native import eventgrid

from infra.components.ground import Component, Ground, Named
from infra.components.vault import Vault
from shared.runtime.consumers.vault_event import ENDS

API_VERSION: Final = "2025-02-15"
_OF_VAULTS: Final = "Microsoft.KeyVault.vaults"  # the type of topic that Azure has for them
_TRIES, _MINUTES = 30, 1440  # the most that Event Grid does


class Notices(Component):
    """`platform`: by the names of `engine.PLATFORM`; the roles of its identity stand before a topic is made, since Event
    Grid asks for them when it is subscribed to."""

    def __init__(self, ground: Ground, vault: Vault, platform: Mapping[str, str]) -> None:
        super().__init__("Notices", "NoticesOf", vault)
        sender = platform["noticesIdentityId"]
        topic = ground.called("VaultEvents", "Microsoft.EventGrid/systemTopics", "evgt", API_VERSION)
        made = eventgrid.SystemTopic(
            topic.step,
            system_topic_name=topic.name,
            topic_type=_OF_VAULTS,
            source=vault.named.id,
            identity={"type": "UserAssigned", "user_assigned_identities": {sender: {}}},
            opts=ground.options(topic, self, [vault.resource]),
            **ground.tracked(),
        )
        named = Named("VaultNotices", f"{topic.id}/eventSubscriptions/runtime-notices", API_VERSION)
        eventgrid.SystemTopicEventSubscription(
            named.step,
            event_subscription_name=named.name,
            system_topic_name=topic.name,
            resource_group_name=ground.group,
            event_delivery_schema="EventGridSchema",
            filter={"included_event_types": sorted(ENDS)},
            retry_policy={"max_delivery_attempts": _TRIES, "event_time_to_live_in_minutes": _MINUTES},
            opts=ground.options(named, self, [made]),
            **_delivered(platform, sender),
        )
        self.register_outputs({})


def _delivered(platform: Mapping[str, str], sender: str) -> dict[str, Any]:
    """In the SDK's own types: it does not translate the names of dicts where there is a choice of destinations."""
    identity = eventgrid.EventSubscriptionIdentityArgs(type="UserAssigned", user_assigned_identity=sender)
    account, _, container = platform["noticesContainerId"].partition("/blobServices/default/containers/")
    queue = eventgrid.ServiceBusQueueEventSubscriptionDestinationArgs(
        endpoint_type="ServiceBusQueue", resource_id=platform["noticesQueueId"]
    )
    kept = eventgrid.StorageBlobDeadLetterDestinationArgs(
        endpoint_type="StorageBlob", resource_id=account, blob_container_name=container
    )
    return {
        "delivery_with_resource_identity": eventgrid.DeliveryWithResourceIdentityArgs(identity=identity, destination=queue),
        "dead_letter_with_resource_identity": eventgrid.DeadLetterWithResourceIdentityArgs(
            identity=identity, dead_letter_destination=kept
        ),
    }
