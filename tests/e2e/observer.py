"""The events as another platform gets them: the subscription `observer`, read with the real Service Bus client."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.servicebus import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusError

TOPIC, SUBSCRIPTION = "runtime-events", "observer"


@dataclass(frozen=True)
class Delivered:
    """One message: its body, and what the broker says of it."""

    body: Mapping[str, Any]
    message_id: str
    subject: str
    content_type: str
    properties: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["eventType"])

    @property
    def environment_id(self) -> str:
        return str(self.body["payload"].get("environmentId", ""))


class Observer:
    """Takes everything from the subscription in the background, in the order of its arrival."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._delivered: list[Delivered] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(15)

    def of(self, environment_id: str) -> list[Delivered]:
        """What came so far of one environment."""
        return [one for one in list(self._delivered) if one.environment_id == environment_id]

    def wait(self, environment_id: str, kind: str, seconds: float = 60.0) -> list[Delivered]:
        """The events of that kind, once there is one. Raises `AssertionError` when none comes."""
        deadline = time.monotonic() + seconds
        while not (found := [one for one in self.of(environment_id) if one.kind == kind]):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"no {kind} of {environment_id}; came: {[one.kind for one in self.of(environment_id)]}"
                )
            time.sleep(0.1)
        return found

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._receive()
            except ServiceBusError:  # a test has the broker down: come back when it is there again
                self._ended.wait(0.5)

    def _receive(self) -> None:
        with (
            ServiceBusClient.from_connection_string(self._connection, retry_total=0) as client,
            client.get_subscription_receiver(TOPIC, SUBSCRIPTION) as receiver,
        ):
            while not self._ended.is_set():
                for message in receiver.receive_messages(max_message_count=50, max_wait_time=1):
                    self._delivered.append(_read(message))
                    receiver.complete_message(message)


def _read(message: Any) -> Delivered:
    properties = {_text(name): _text(value) for name, value in (message.application_properties or {}).items()}
    body = json.loads(str(message))
    return Delivered(body, str(message.message_id), str(message.subject), str(message.content_type), properties)


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
