"""Which queues, topics and subscriptions a broker has: data, fixed for its life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from localazure.service_bus.message import Message
from shared.kernel import channels

Filter = Callable[[Message], bool]


@dataclass(frozen=True)
class QueueSpec:
    """A queue, or what a subscription keeps for its readers. Times in seconds; None: the broker's default, or unlimited."""

    name: str
    max_delivery: int = 10
    lock_seconds: float | None = None
    ttl_seconds: float | None = None
    dead_letter_expired: bool = False
    duplicate_window: float | None = None  # RequiresDuplicateDetection; not for subscriptions


@dataclass(frozen=True)
class Subscription(QueueSpec):
    """A message reaches the subscription when any of its filters says so; with no filters, always.

    `filters`: of its rules, each a `rules.SqlFilter`, a `rules.CorrelationFilter` or any other predicate.
    """

    filters: tuple[Filter, ...] = ()

    def wants(self, message: Message) -> bool:
        return not self.filters or any(accepts(message) for accepts in self.filters)


@dataclass(frozen=True)
class TopicSpec:
    name: str
    subscriptions: tuple[Subscription, ...] = ()
    duplicate_window: float | None = None


@dataclass(frozen=True)
class Entities:
    queues: tuple[QueueSpec, ...] = ()
    topics: tuple[TopicSpec, ...] = ()


RUNTIME = Entities(
    queues=tuple(QueueSpec(name, max_delivery=channels.DELIVERIES) for name in channels.QUEUES),
    topics=(
        TopicSpec(
            channels.EVENTS,
            tuple(Subscription(name, max_delivery=channels.DELIVERIES) for name in channels.SUBSCRIPTIONS),
            duplicate_window=channels.DUPLICATES.total_seconds(),
        ),
    ),
)
