"""Asking again, and how many looks move a status that stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from shared.runtime.health.document import Format, HealthStatus
from shared.runtime.health.model import ServiceHealth
from shared.runtime.health.patience import PAUSE, Hysteresis, Retrying
from shared.runtime.health.prober import Evidence

NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
STEP = timedelta(seconds=30)
WORDS = {"H": HealthStatus.HEALTHY, "D": HealthStatus.DEGRADED, "U": HealthStatus.UNHEALTHY, "?": HealthStatus.UNKNOWN}


@dataclass
class Told:
    """Answers with these details, one by one."""

    details: Sequence[str | None]
    asked: int = 0
    slept: list[float] = field(default_factory=list)

    async def probe(self, base_url: str, path: str, format: Format) -> Evidence:
        detail = self.details[self.asked]
        self.asked += 1
        status = HealthStatus.UNKNOWN if detail else HealthStatus.HEALTHY
        return Evidence(status=status, evaluated_at=NOON + self.asked * STEP, detail=detail)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def probed(told: Told, attempts: int) -> Evidence:
    return await Retrying(told, attempts, told.sleep).probe("http://x", "/health", "json")


@pytest.mark.parametrize("detail", ["timeout", "refused", "disconnected", "unreachable", "unresolved", "http-502"])
async def test_a_hiccup_is_asked_about_again_and_the_last_answer_counts(detail: str) -> None:
    told = Told([detail, None])
    evidence = await probed(told, 2)
    assert (evidence.status, evidence.evaluated_at) == (HealthStatus.HEALTHY, NOON + 2 * STEP)
    assert told.slept == [PAUSE]


@pytest.mark.parametrize("detail", [None, "http-503", "http-500", "not-json", "blocked-address", "bad-url", "not-serving"])
async def test_what_was_said_is_not_asked_for_twice(detail: str | None) -> None:
    told = Told([detail, None])
    assert (await probed(told, 5)).detail == detail
    assert (told.asked, told.slept) == (1, [])


async def test_no_more_attempts_than_allowed() -> None:
    told = Told(["timeout"] * 9)
    assert (await probed(told, 3)).detail == "timeout"
    assert told.asked == 3


def shown(looks: str, *, failures: int = 2, successes: int = 3) -> tuple[str, list[float]]:
    """What is shown after each of `looks`, thirty seconds apart, and how old it is then, in seconds."""
    hysteresis, standing, seen_at = Hysteresis(failures, successes), None, NOON
    words, ages = "", []
    for turn, word in enumerate(looks):
        now = NOON + turn * STEP
        look = ServiceHealth(status=WORDS[word], since=now, image="api:1")
        standing = hysteresis.after(standing, seen_at, look)
        seen_at = standing.seen_at or now
        words += next(name for name, status in WORDS.items() if status is standing.status)
        ages.append((now - seen_at).total_seconds())
    return words, ages


@pytest.mark.parametrize(
    ("looks", "words", "ages"),
    [
        ("HHH", "HHH", [0, 0, 0]),
        ("HUH", "HHH", [0, 30, 0]),
        ("HUU", "HHU", [0, 30, 0]),
        ("H?U", "HHU", [0, 30, 0]),
        ("HU?", "HH?", [0, 30, 0]),
        ("HUHUHU", "HHHHHH", [0, 30, 0, 30, 0, 30]),
        ("HD", "HD", [0, 0]),
        ("DUHUU", "DDHHU", [0, 30, 0, 30, 0]),
        ("U?U", "U?U", [0, 0, 0]),
        ("UHHH", "UUUH", [0, 30, 60, 0]),
        ("UHHUHHH", "UUUUUUH", [0, 30, 60, 0, 30, 60, 0]),
        ("?HHD", "???D", [0, 30, 60, 0]),
    ],
)
def test_a_status_moves_after_so_many_looks_in_a_row_and_is_as_old_as_what_confirmed_it(
    looks: str, words: str, ages: list[float]
) -> None:
    assert shown(looks) == (words, ages)


def test_with_one_look_each_every_look_counts() -> None:
    assert shown("HUHU", failures=1, successes=1) == ("HUHU", [0, 0, 0, 0])


@pytest.mark.parametrize("image", ["api:2", None])
def test_another_image_has_no_standing_to_defend(image: str | None) -> None:
    standing = ServiceHealth(status=HealthStatus.HEALTHY, since=NOON, image="api:1")
    look = ServiceHealth(status=HealthStatus.UNHEALTHY, since=NOON + STEP, image=image)
    assert Hysteresis(5, 5).after(standing, NOON, look) is look
