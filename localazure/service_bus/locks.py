"""The locks of one queue: which message a lock token holds, and until when.

A lock that is over holds nothing, whether or not somebody has looked meanwhile. Every change is in the journal.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from localazure.service_bus.journal import Journal
from localazure.service_bus.message import Lock, Message


class Locks:
    """`seconds` a lock lasts; `note_end` hears when the lock of a message will be over."""

    def __init__(self, name: str, seconds: float, journal: Journal, note_end: Callable[[float, Message], None]) -> None:
        self._name, self._seconds, self._journal, self._note_end = name, seconds, journal, note_end
        self._held: dict[uuid.UUID, Message] = {}

    def restore(self, message: Message, lock: Lock) -> None:
        """Take up a lock that the journal kept."""
        self._held[lock.token] = message
        self._note_end(lock.until, message)

    def take(self, message: Message) -> Lock:
        """Lock a message that nobody holds."""
        return self._lock(message, uuid.uuid4())

    def renew(self, token: uuid.UUID) -> float | None:
        """When the lock now ends; None when it is lost."""
        message = self.held(token)
        return None if message is None else self._lock(message, token).until

    def held(self, token: uuid.UUID) -> Message | None:
        """The message that a lock holds; None when the lock is lost."""
        message = self._held.get(token)
        if message is None or message.lock is None or message.lock.until <= time.time():
            return None
        return message

    def release(self, message: Message) -> None:
        """End the lock of a message, if it has one."""
        if message.lock is not None:
            del self._held[message.lock.token]
            message.lock = None
            self._journal.lock(self._name, message)

    def _lock(self, message: Message, token: uuid.UUID) -> Lock:
        message.lock = Lock(token, time.time() + self._seconds)
        self._held[token] = message
        self._journal.lock(self._name, message)
        self._note_end(message.lock.until, message)
        return message.lock
