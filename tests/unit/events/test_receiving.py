"""A message that fails: read, worked on, and what becomes of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest

from shared.events.receiving import Received, Receiving
from shared.events.work import Work, WorkKind
from shared.kernel import channels
from shared.kernel.errors import Refused, Transient


@dataclass
class Errors:
    kept: list[tuple[Received, str]] = field(default_factory=list)
    down: bool = False

    async def set_aside(self, message: Received, reason: str) -> None:
        if self.down:
            raise Transient("serviceBus")
        self.kept.append((message, reason))


@dataclass
class Scene:
    errors: Errors = field(default_factory=Errors)
    slept: list[float] = field(default_factory=list)
    done: list[Work] = field(default_factory=list)
    failure: Exception | None = None

    async def take(self, body: bytes, delivery: int = 1) -> None:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        async def work(what: Work) -> None:
            if self.failure is not None:
                raise self.failure
            self.done.append(what)

        message = Received(channels.WORK, "m-1", body, delivery)
        await Receiving(self.errors, sleep).take(message, Work.model_validate_json, work)


def metrics(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    return [(record.__dict__["metric"], record.levelno) for record in caplog.records if "metric" in record.__dict__]


async def test_what_can_be_read_is_worked_on() -> None:
    scene = Scene()
    await scene.take(b'{"kind": "health", "shards": [1]}')
    assert scene.done == [Work(kind=WorkKind.HEALTH, shards=[1])]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "body: json_invalid"),
        (b"\xff\x00", "body: json_invalid"),
        (b"[]", "body: model_type"),
        (b'{"kind": "secret-value"}', "kind: enum"),
        (b'{"kind": "health", "shards": ["secret-value"], "odd": 1}', "shards.0: int_parsing, odd: extra_forbidden"),
    ],
)
async def test_what_cannot_be_read_is_set_aside_once_with_its_reason_and_no_value_of_it(
    body: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    await scene.take(body)
    [(message, told)] = scene.errors.kept
    assert (message.body, told, scene.done) == (body, reason, [])
    assert metrics(caplog) == [("messages.malformed", logging.ERROR)]
    assert "secret-value" not in caplog.text


async def test_what_cannot_be_set_aside_comes_again() -> None:
    scene = Scene(Errors(down=True))
    with pytest.raises(Transient):
        await scene.take(b"{")


async def test_what_is_away_is_waited_for_longer_each_time() -> None:
    scene = Scene(failure=Transient("tables"))
    for delivery in range(1, channels.DELIVERIES + 1):
        with pytest.raises(Transient):
            await scene.take(b'{"kind": "health"}', delivery)
    assert scene.slept == sorted(scene.slept)
    assert 60 < sum(scene.slept) < 300, "longer than an outage of a minute, shorter than a lock is renewed"
    assert max(scene.slept) <= 30


async def test_a_last_try_that_fails_is_counted_as_what_the_broker_dead_letters(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(failure=Refused("arm", "Forbidden"))
    caplog.set_level(logging.INFO)
    for delivery in (1, channels.DELIVERIES):
        with pytest.raises(Refused):
            await scene.take(b'{"kind": "health"}', delivery)
    assert metrics(caplog) == [("messages.failed", logging.INFO), ("messages.dead-lettered", logging.ERROR)]
    assert scene.slept == []
