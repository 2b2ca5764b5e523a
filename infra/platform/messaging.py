"""What the platform sends and is sent: the topic that events go out on, the queues that work and failures wait in.

What is in it is the list of `shared.kernel.channels`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pulumi
from pulumi_azure_native import servicebus

from infra.components.ground import Component, Ground, Named
from infra.components.service_bus import API_VERSION, Namespace
from shared.kernel import channels


class Messaging(Component):
    def __init__(self, ground: Ground, *, workspace: str, parent: pulumi.Resource, after: list[pulumi.Resource]) -> None:
        super().__init__("Messaging", "MessagingOf", parent)
        namespace = Namespace(ground, premium=ground.production, workspace=workspace, parent=self, after=after)
        self.named, self.resource = namespace.named, namespace.resource
        self._place = {"namespace_name": self.named.name, "resource_group_name": ground.group}
        self._topic(ground)
        self.queues = {name: self._queue(ground, name) for name in channels.QUEUES}
        self.host = f"{self.named.name}.servicebus.windows.net"
        self.register_outputs({"id": self.resource.id})

    def _topic(self, ground: Ground) -> None:
        named = Named("EventsTopic", f"{self.named.id}/topics/{channels.EVENTS}", API_VERSION)
        topic = servicebus.Topic(
            named.step,
            topic_name=channels.EVENTS,
            requires_duplicate_detection=True,
            duplicate_detection_history_time_window=_written(channels.DUPLICATES),
            opts=ground.options(named, self, [self.resource]),
            **self._place,
        )
        for name in channels.SUBSCRIPTIONS:
            one = Named(f"Subscription-{name}", f"{named.id}/subscriptions/{name}", API_VERSION)
            servicebus.Subscription(
                one.step,
                subscription_name=name,
                topic_name=channels.EVENTS,
                requires_session=False,
                opts=ground.options(one, self, [topic]),
                **_delivery(),
                **self._place,
            )

    def queue_id(self, name: str) -> str:
        return f"{self.named.id}/queues/{name}"

    def _queue(self, ground: Ground, name: str) -> servicebus.Queue:
        """Messages of sweeps live for one interval and say so themselves; what expires is no failure."""
        named = Named(f"Queue-{name}", self.queue_id(name), API_VERSION)
        return servicebus.Queue(
            named.step,
            queue_name=name,
            requires_session=False,
            opts=ground.options(named, self, [self.resource]),
            **_delivery(),
            **self._place,
        )


def _delivery() -> dict[str, Any]:
    return {
        "lock_duration": _written(channels.LOCKED),
        "max_delivery_count": channels.DELIVERIES,
        "dead_lettering_on_message_expiration": False,
    }


def _written(span: timedelta) -> str:
    """ISO 8601, in whole minutes."""
    return f"PT{span // timedelta(minutes=1)}M"
