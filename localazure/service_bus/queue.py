"""The receiving side: a queue, a subscription, or the dead-letter queue of either.

A message is in one of three places: ready, locked by one consumer, or deferred (to be had by its number only). A lock ends
by a settlement or by time; an abandoned or expired one counts, and the message that counted `max_delivery` is
dead-lettered. A message whose time to live is over goes when nobody holds it. Both heaps (what is ready, what is due) may
hold entries whose message has moved on meanwhile; they are passed over when they come up.
"""

from __future__ import annotations

import heapq
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from localazure.service_bus.entities import QueueSpec
from localazure.service_bus.intake import Sequence
from localazure.service_bus.journal import Journal
from localazure.service_bus.locks import Locks
from localazure.service_bus.message import NEVER, Lock, Message

DEAD_LETTER_SUFFIX = "/$deadletterqueue"


class Outcome(StrEnum):
    """Names and spelling are those of $management's `disposition-status`."""

    COMPLETED = "completed"
    ABANDONED = "abandoned"
    DEFERRED = "defered"
    DEAD_LETTERED = "suspended"
    RELEASED = "released"  # given back unread: does not count


class Consumer(Protocol):
    credit: int
    deletes: bool  # receive-and-delete

    def deliver(self, message: Message) -> None: ...


class Queue:
    """`dead_letters` is None for a dead-letter queue itself: nothing leaves it but by a consumer."""

    def __init__(
        self,
        name: str,
        spec: QueueSpec,
        lock_seconds: float,
        journal: Journal,
        wake: Callable[[float], None],
        sequence: Sequence,
        dead_letters: Queue | None,
    ) -> None:
        self.name, self.dead_letters = name, dead_letters
        self.consumers: deque[Consumer] = deque()
        self._spec, self._journal, self._wake, self._sequence = spec, journal, wake, sequence
        seconds = lock_seconds if spec.lock_seconds is None else spec.lock_seconds
        self._locks = Locks(name, seconds, journal, self._note_due)
        self._messages: dict[int, Message] = {}
        self._ready: list[int] = []
        self._due: list[tuple[float, int]] = []

    def restore(self, messages: list[Message]) -> None:
        """Take up what the journal kept, locks that still run included."""
        for message in messages:
            self._messages[message.sequence] = message
            self._note_due(message.expires, message)
            if message.lock is not None:
                self._locks.restore(message, message.lock)
            elif not message.deferred:
                heapq.heappush(self._ready, message.sequence)

    def _note_due(self, moment: float, message: Message) -> None:
        if moment != NEVER:
            heapq.heappush(self._due, (moment, message.sequence))
            self._wake(moment)

    # ------------------------------------------------------------------ coming in and going out

    def enqueue(self, message: Message) -> None:
        """Make a message of this queue's own out of one that belongs to no queue yet, and offer it."""
        message.sequence = self._sequence.next()
        message.enqueue_sequence = message.enqueue_sequence or message.sequence
        message.arrived(self._spec.ttl_seconds)
        self._messages[message.sequence] = message
        self._journal.keep(self.name, message)
        self._note_due(message.expires, message)
        self._offer(message)

    def _offer(self, message: Message) -> None:
        heapq.heappush(self._ready, message.sequence)
        self._wake(0)  # deliveries happen on the alarm's ring or the caller's `pump`, never inside a journal block

    def pump(self) -> None:
        """Hand out what is ready to consumers that have credit, in turn."""
        refused = 0
        while refused < len(self.consumers):
            consumer = self.consumers[0]
            self.consumers.rotate(-1)
            message = self._take() if consumer.credit > 0 else None
            if message is None:
                refused += 1
                continue
            refused = 0
            self._give(consumer, message)

    def _take(self) -> Message | None:
        while self._ready:
            message = self._messages.get(heapq.heappop(self._ready))
            if message is None or message.lock is not None or message.deferred:
                continue
            if message.expires > time.time():
                return message
            self._expire(message)
        return None

    def _give(self, consumer: Consumer, message: Message) -> None:
        if consumer.deletes:
            self._remove(message)
        else:
            self.lock(message)
        consumer.deliver(message)

    def _remove(self, message: Message) -> None:
        del self._messages[message.sequence]
        self._journal.forget(self.name, message)

    # ------------------------------------------------------------------ locks and settlement

    def lock(self, message: Message) -> Lock:
        return self._locks.take(message)

    def renew(self, token: uuid.UUID) -> float | None:
        """When the lock now ends; None when it is lost."""
        return self._locks.renew(token)

    def settle(self, token: uuid.UUID, outcome: Outcome, properties: Mapping[str, Any] | None = None) -> bool:
        """End a lock with an outcome; `properties` are merged into the message's own. False: the lock is lost."""
        message = self._locks.held(token)
        if message is None:
            return False
        with self._journal.together():
            self._locks.release(message)
            if properties and outcome in (Outcome.ABANDONED, Outcome.DEFERRED):
                message.bare = message.with_properties(properties).bare
            if outcome is Outcome.COMPLETED:
                self._remove(message)
            elif outcome is Outcome.DEAD_LETTERED:
                self._dead_letter(message, properties or {})
            elif outcome is Outcome.ABANDONED:
                self._failed(message)
            elif outcome is Outcome.DEFERRED:
                message.deferred = True
                self._journal.keep(self.name, message)
            else:
                self._back(message)
        return True

    def _back(self, message: Message) -> None:
        """A message that was deferred stays so; one whose life ended while it was locked ends now."""
        self._note_due(message.expires, message)
        if not message.deferred:
            self._offer(message)

    def _failed(self, message: Message) -> None:
        message.delivery_count += 1
        if self.dead_letters is not None and message.delivery_count >= self._spec.max_delivery:
            reason = f"Message could not be consumed after {self._spec.max_delivery} delivery attempts."
            self._dead_letter(
                message, {"DeadLetterReason": "MaxDeliveryCountExceeded", "DeadLetterErrorDescription": reason}
            )
            return
        self._journal.keep(self.name, message)
        self._back(message)

    def _dead_letter(self, message: Message, properties: Mapping[str, Any]) -> None:
        if self.dead_letters is None:
            self._back(message)
            return
        self._remove(message)
        self.dead_letters.take_dead(message.with_properties(properties), self.name)

    def take_dead(self, message: Message, source: str) -> None:
        """Enqueue a message that died in the queue `source`. It keeps its delivery count, and lives for ever."""
        letter = message.copy()
        letter.ttl, letter.delivery_count, letter.enqueue_sequence = None, message.delivery_count, message.enqueue_sequence
        letter.annotate_source(source)
        self.enqueue(letter)

    def _expire(self, message: Message) -> None:
        if not self._spec.dead_letter_expired:
            self._remove(message)
            return
        with self._journal.together():
            reason = "The message expired and was dead lettered."
            self._dead_letter(message, {"DeadLetterReason": "TTLExpiredException", "DeadLetterErrorDescription": reason})

    # ------------------------------------------------------------------ by number, and by the clock

    def deferred(self, sequence: int) -> Message | None:
        """A deferred message that nobody holds."""
        message = self._messages.get(sequence)
        return message if message is not None and message.deferred and message.lock is None else None

    def discard(self, message: Message) -> None:
        """Remove a message that nobody holds: receive-and-delete by number."""
        self._remove(message)

    def browse(self, start: int) -> list[Message]:
        """Every message from a sequence number on, locked and deferred ones too, in order."""
        now = time.time()
        return [self._messages[n] for n in sorted(self._messages) if n >= start and self._messages[n].expires > now]

    def tick(self, now: float) -> float:
        """End the locks and lives that are over, deliver; answers when to look again."""
        with self._journal.together():
            while self._due and self._due[0][0] <= now:
                message = self._messages.get(heapq.heappop(self._due)[1])
                if message is not None:
                    self._look_at(message, now)
        self.pump()
        return self._due[0][0] if self._due else NEVER

    def _look_at(self, message: Message, now: float) -> None:
        if message.lock is not None:
            if message.lock.until > now:
                return
            self._locks.release(message)
            self._failed(message)
        if message.sequence in self._messages and message.expires <= now:
            self._expire(message)
