"""What a broker must not forget, kept on a `Shelf`.

Invariants: a message is on disk before its sender is told that it was accepted, and off it before its consumer is told
that it was completed. Changes made inside one `together` block become durable all or none: when there is more than one,
they are first written as one document (`bus.intent`), which is carried out again if the process dies half-way. Locks are
durable too, so that a restart of the broker is no redelivery: as on Azure, whoever holds a lock may still settle with it,
and an orphaned one runs out in its own time.

Sequence numbers never repeat: they are reserved in blocks, and a restart skips the rest of a block.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from localazure.service_bus.message import Lock, Message
from localazure.shelf import Shelf

_MESSAGES, _LOCKS, _SEEN, _COUNTERS, _INTENTS = "bus.message", "bus.lock", "bus.seen", "bus.counter", "bus.intent"
_BLOCK = 1000
_Change = tuple[str, str, dict[str, Any] | None]


def _key(queue: str, sequence: int) -> str:
    return f"{queue}|{sequence:020d}"


class Journal:
    """Without a shelf everything is forgotten with the process; no sequence number repeats within it."""

    def __init__(self, shelf: Shelf | None) -> None:
        self._shelf = shelf
        self._unshelved: dict[str, int] = {}  # the next number of each entity, without a shelf
        self._gathered: list[_Change] | None = None
        for intent in shelf.all(_INTENTS).values() if shelf else ():
            self._carry_out([(kind, key, document) for kind, key, document in intent["changes"]])

    @contextmanager
    def together(self) -> Iterator[None]:
        """Changes made inside become durable at its end, all or none. Inner blocks join the outer one.

        Also after an exception: memory has changed already, and the disk must agree with it.
        """
        if self._gathered is not None:
            yield
            return
        self._gathered = []
        try:
            yield
        finally:
            changes, self._gathered = self._gathered, None
            self._carry_out(changes)

    def _carry_out(self, changes: list[_Change]) -> None:
        if self._shelf is None:
            return
        if len(changes) > 1:
            self._shelf.put(_INTENTS, "current", {"changes": changes})
        for kind, key, document in changes:
            if document is None:
                self._shelf.delete(kind, key)
            else:
                self._shelf.put(kind, key, document)
        if len(changes) > 1:
            self._shelf.delete(_INTENTS, "current")

    def _note(self, kind: str, key: str, document: dict[str, Any] | None) -> None:
        if self._gathered is not None:
            self._gathered.append((kind, key, document))
        else:
            self._carry_out([(kind, key, document)])

    def keep(self, queue: str, message: Message) -> None:
        self._note(_MESSAGES, _key(queue, message.sequence), message.document())

    def forget(self, queue: str, message: Message) -> None:
        self._note(_MESSAGES, _key(queue, message.sequence), None)

    def lock(self, queue: str, message: Message) -> None:
        """Note the message's lock, or that it has none any more. Never part of a block: a lock without message is void."""
        if self._shelf is None:
            return
        key, lock = _key(queue, message.sequence), message.lock
        if lock is None:
            self._shelf.delete(_LOCKS, key)
        else:
            self._shelf.put(_LOCKS, key, {"token": lock.token.hex, "until": lock.until})

    def saw(self, entity: str, message_id: str, until: float | None) -> None:
        """Remember a message id for duplicate detection; None forgets it."""
        self._note(_SEEN, f"{entity}|{message_id}", None if until is None else {"until": until})

    def reserve(self, entity: str) -> range:
        """Sequence numbers nobody has had."""
        if self._shelf is None:
            start = self._unshelved.get(entity, 1)
            self._unshelved[entity] = start + _BLOCK
        else:
            kept = self._shelf.get(_COUNTERS, entity)
            start = kept["next"] if kept else 1
            self._shelf.put(_COUNTERS, entity, {"next": start + _BLOCK})
        return range(start, start + _BLOCK)

    def messages(self) -> dict[str, list[Message]]:
        """What was kept, by queue, in sequence, with locks. Locks whose message is gone are dropped."""
        if self._shelf is None:
            return {}
        locks = self._shelf.all(_LOCKS)
        found: dict[str, list[Message]] = {}
        for key, document in self._shelf.all(_MESSAGES).items():
            message = Message.restored(document)
            message.lock = _lock(locks.pop(key, None))
            found.setdefault(key.rpartition("|")[0], []).append(message)
        for key in locks:
            self._shelf.delete(_LOCKS, key)
        return found

    def seen(self, entity: str) -> dict[str, float]:
        """Message ids remembered for duplicate detection, with the time until which; the next to be forgotten first."""
        rows = self._shelf.all(_SEEN) if self._shelf else {}
        prefix = f"{entity}|"
        kept = {key.removeprefix(prefix): float(row["until"]) for key, row in rows.items() if key.startswith(prefix)}
        return dict(sorted(kept.items(), key=lambda item: item[1]))


def _lock(document: Mapping[str, Any] | None) -> Lock | None:
    return None if document is None else Lock(uuid.UUID(document["token"]), document["until"])
