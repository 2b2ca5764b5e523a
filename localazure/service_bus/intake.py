"""The sending side of a queue or topic: sequence numbers, duplicate detection, scheduled messages.

A message whose id was seen within the window is accepted and dropped: its sender cannot tell (Azure does the same).
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator

from localazure.service_bus.journal import Journal
from localazure.service_bus.message import NEVER, Message


class Sequence:
    """The numbers of one entity, ascending, never the same twice, restarts included."""

    def __init__(self, entity: str, journal: Journal) -> None:
        self._entity, self._journal = entity, journal
        self._reserved: Iterator[int] = iter(())

    def next(self) -> int:
        number = next(self._reserved, None)
        if number is None:
            self._reserved = iter(self._journal.reserve(self._entity))
            number = next(self._reserved)
        return number


class Intake:
    """`arrive` is where a message goes when it is to be had: its queue, or a topic's subscriptions."""

    def __init__(
        self,
        name: str,
        window: float | None,
        journal: Journal,
        wake: Callable[[float], None],
        arrive: Callable[[Message], None],
    ) -> None:
        self.name = name
        self.sequence = Sequence(name, journal)
        self.scheduled: dict[int, Message] = {}
        self._due: list[tuple[float, int]] = []
        self._window, self._journal, self._wake, self._arrive = window, journal, wake, arrive
        self._seen = journal.seen(name) if window else {}

    def restore(self, messages: list[Message]) -> None:
        for message in messages:
            self._hold(message)

    def accept(self, messages: list[Message]) -> list[int]:
        """Take the messages in, durable all or none. Answers the sequence numbers of the scheduled ones, else 0."""
        with self._journal.together():
            return [0 if self._duplicate(message) else self._take(message) for message in messages]

    def _take(self, message: Message) -> int:
        due = message.scheduled_for
        if due is None or due <= time.time():
            self._arrive(message)
            return 0
        message.sequence, message.due = self.sequence.next(), due
        message.enqueue_sequence = message.sequence
        self._journal.keep(self.name, message)
        self._hold(message)
        return message.sequence

    def _hold(self, message: Message) -> None:
        if message.due is None:
            raise ValueError("only a scheduled message is held")
        self.scheduled[message.sequence] = message
        heapq.heappush(self._due, (message.due, message.sequence))
        self._wake(message.due)

    def cancel(self, sequence: int) -> bool:
        """Take a scheduled message back; False when there is none of that number."""
        message = self.scheduled.pop(sequence, None)
        if message is None:
            return False
        self._journal.forget(self.name, message)
        return True

    def tick(self, now: float) -> float:
        """Let in what is due; answers when the next one will be."""
        with self._journal.together():
            while self._due and self._due[0][0] <= now:
                message = self.scheduled.pop(heapq.heappop(self._due)[1], None)
                if message is not None:
                    self._journal.forget(self.name, message)
                    self._arrive(message)
        return self._due[0][0] if self._due else NEVER

    def _duplicate(self, message: Message) -> bool:
        if not self._window:
            return False
        now = time.time()
        while self._seen and next(iter(self._seen.values())) <= now:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._journal.saw(self.name, oldest, None)
        message_id = message.message_id
        if message_id is None:
            return False
        if message_id in self._seen:
            return True
        self._seen[message_id] = now + self._window
        self._journal.saw(self.name, message_id, now + self._window)
        return False
