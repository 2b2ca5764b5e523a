"""The Service Bus namespace: the topic that events go out on, the queues that work and failures wait in.

Keys are off, so that only roles open it. The topic drops a repeated `MessageId` for ten minutes, which is how long the
outbox may send an event twice; consumers still drop repeated `eventId`s. Nothing here orders messages: `sequence` does.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_azure_native import servicebus

from infra.components import logs
from infra.components.ground import Component, Ground, Named

KIND = "Microsoft.ServiceBus/namespaces"
API_VERSION = "2024-01-01"
TOPIC, SUBSCRIPTIONS, QUEUES = "runtime-events", ("runtime-app", "observer"), ("runtime-work", "runtime-errors")
_LOCK, _DELIVERIES, _WINDOW = "PT1M", 10, "PT10M"


class Messaging(Component):
    """Premium in production: zones, and no neighbours."""

    def __init__(self, ground: Ground, *, workspace: str, parent: pulumi.Resource, after: list[pulumi.Resource]) -> None:
        super().__init__("Messaging", "MessagingOf", parent)
        self.named: Named = ground.called("ServiceBus", KIND, "sb", API_VERSION)
        tier = "Premium" if ground.production else "Standard"
        self.resource = servicebus.Namespace(
            self.named.step,
            namespace_name=self.named.name,
            sku={"name": tier, "tier": tier, **({"capacity": 1} if ground.production else {})},
            disable_local_auth=True,
            minimum_tls_version="1.2",
            opts=ground.options(self.named, self, after),
            **ground.tracked(),
        )
        logs.diagnose(ground, "ServiceBusLogs", self.named, workspace, parent=self, after=[self.resource])
        self._place = {"namespace_name": self.named.name, "resource_group_name": ground.group}
        self._topic(ground)
        for name in QUEUES:
            self._queue(ground, name)
        self.host = f"{self.named.name}.servicebus.windows.net"
        self.register_outputs({"id": self.resource.id})

    def _topic(self, ground: Ground) -> None:
        named = Named("EventsTopic", f"{self.named.id}/topics/{TOPIC}", API_VERSION)
        topic = servicebus.Topic(
            named.step,
            topic_name=TOPIC,
            requires_duplicate_detection=True,
            duplicate_detection_history_time_window=_WINDOW,
            opts=ground.options(named, self, [self.resource]),
            **self._place,
        )
        for name in SUBSCRIPTIONS:
            one = Named(f"Subscription-{name}", f"{named.id}/subscriptions/{name}", API_VERSION)
            servicebus.Subscription(
                one.step,
                subscription_name=name,
                topic_name=TOPIC,
                requires_session=False,
                opts=ground.options(one, self, [topic]),
                **_delivery(),
                **self._place,
            )

    def _queue(self, ground: Ground, name: str) -> None:
        """Messages of sweeps live for one interval and say so themselves; what expires is no failure."""
        named = Named(f"Queue-{name}", f"{self.named.id}/queues/{name}", API_VERSION)
        servicebus.Queue(
            named.step,
            queue_name=name,
            requires_session=False,
            opts=ground.options(named, self, [self.resource]),
            **_delivery(),
            **self._place,
        )


def _delivery() -> dict[str, Any]:
    return {
        "lock_duration": _LOCK,
        "max_delivery_count": _DELIVERIES,
        "dead_lettering_on_message_expiration": False,
    }
