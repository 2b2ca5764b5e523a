"""The entities of a broker at work, and how a link's address finds one.

Names are compared without case. Addresses are those of Azure's: `queue`, `topic`, `topic/Subscriptions/name`, and
`…/$deadletterqueue` behind a queue or a subscription. Messages of an entity that is no longer configured stay on disk.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from localazure.service_bus.entities import Entities, QueueSpec, Subscription, TopicSpec
from localazure.service_bus.intake import Intake, Sequence
from localazure.service_bus.journal import Journal
from localazure.service_bus.message import NEVER, Message
from localazure.service_bus.queue import DEAD_LETTER_SUFFIX, Queue

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Node:
    """What an address leads to. A topic only takes in, a subscription and a dead-letter queue only give."""

    path: str
    intake: Intake | None = None
    queue: Queue | None = None


@dataclass
class _Fanout:
    """A topic's arrival: a copy for every subscription that wants one."""

    subscriptions: list[tuple[Subscription, Queue]] = field(default_factory=list)
    sequence: Callable[[], int] = int

    def __call__(self, message: Message) -> None:
        number = self.sequence()
        for spec, queue in self.subscriptions:
            if not spec.wants(message):
                continue
            copy = message.copy()
            copy.enqueue_sequence = number
            queue.enqueue(copy)


class Namespace:
    """Builds the entities and takes up what the journal kept of them."""

    def __init__(self, entities: Entities, lock_seconds: float, journal: Journal, wake: Callable[[float], None]) -> None:
        self._lock_seconds, self._journal, self._wake = lock_seconds, journal, wake
        self._nodes: dict[str, Node] = {}
        for queue in entities.queues:
            self._add_queue(queue)
        for topic in entities.topics:
            self._add_topic(topic)
        self._restore()

    def _add(self, node: Node) -> None:
        self._nodes[node.path.lower()] = node

    def _receiving(self, path: str, spec: QueueSpec, sequence: Sequence) -> Queue:
        dead_path = path + DEAD_LETTER_SUFFIX
        keeps = QueueSpec(dead_path, lock_seconds=spec.lock_seconds)
        numbers = Sequence(dead_path, self._journal)
        dead = Queue(dead_path, keeps, self._lock_seconds, self._journal, self._wake, numbers, None)
        self._add(Node(dead_path, queue=dead))
        return Queue(path, spec, self._lock_seconds, self._journal, self._wake, sequence, dead)

    def _add_queue(self, spec: QueueSpec) -> None:
        arrivals: list[Queue] = []
        intake = Intake(
            spec.name, spec.duplicate_window, self._journal, self._wake, lambda message: arrivals[0].enqueue(message)
        )
        arrivals.append(self._receiving(spec.name, spec, intake.sequence))
        self._add(Node(spec.name, intake, arrivals[0]))

    def _add_topic(self, spec: TopicSpec) -> None:
        fanout = _Fanout()
        intake = Intake(spec.name, spec.duplicate_window, self._journal, self._wake, fanout)
        fanout.sequence = intake.sequence.next
        self._add(Node(spec.name, intake))
        for subscription in spec.subscriptions:
            path = f"{spec.name}/Subscriptions/{subscription.name}"
            queue = self._receiving(path, subscription, Sequence(path, self._journal))
            fanout.subscriptions.append((subscription, queue))
            self._add(Node(path, queue=queue))

    def _restore(self) -> None:
        for path, messages in self._journal.messages().items():
            node = self._nodes.get(path.lower())
            if node is None:
                _log.warning("%d messages of %s stay on disk: there is no such entity now", len(messages), path)
                continue
            if node.intake is not None:
                node.intake.restore([message for message in messages if message.due is not None])
            if node.queue is not None:
                node.queue.restore([message for message in messages if message.due is None])

    def find(self, path: str) -> Node | None:
        return self._nodes.get(path.lower())

    def tick(self, now: float) -> float:
        """Do what is due everywhere; answers when to look again."""
        intakes = [node.intake.tick(now) for node in self._nodes.values() if node.intake]
        queues = [node.queue.tick(now) for node in self._nodes.values() if node.queue]
        return min([*intakes, *queues], default=NEVER)


def path_of(address: str) -> str:
    """The path in a link's address, which may be a whole URL."""
    return re.sub(r"^[a-z]+://[^/]+/?", "", address).strip("/")
