"""A provisioner is stopped and cut off, a newer operation or attempt does its work, then it wakes: it changes nothing."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.driving import SETTLED, Json, until
from tests.resilience.evidence import operation_of, patiently
from tests.resilience.processes import alive
from tests.settle.campaign import Ground
from tests.settle.life import SETTLES_WITHIN, Life
from tests.settle.plans import AFTER, STOP, WIPE, Plan

WAKES_WITHIN = 60.0  # seconds until it has found out and ended
REPORTS = "provisioner: commit op"  # of a step, before the step's effect
STEPS = [2, 6, 10]  # which report; the first is the claim


@pytest.fixture
def lives(grounds: Sequence[Ground]) -> Iterator[list[Life]]:
    """One for each step, on one platform; none leaves a process behind."""
    lives = [grounds[0].life() for _ in STEPS]
    yield lives
    for pid in filter(None, map(stopped, lives)):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def stopped(life: Life) -> int | None:
    return life.folder.stopped(life.tenant.tenant_id)


def begun(life: Life, report: int) -> httpx.Response:
    """A provision whose worker was stopped after a report."""
    life.folder.arm(life.tenant.tenant_id, Plan(REPORTS, report, AFTER, STOP))
    answer = life.begin_provision()
    until(lambda: stopped(life), lambda pid: pid is not None, SETTLES_WITHIN)
    return answer


def writes(life: Life) -> Counter[str]:
    own = life.environment_id.removeprefix("env-")
    rows = life.platform.control.http.get("/traffic").json()["arm"]
    changing = [row for row in rows if row["method"] != "GET" and own in row["path"].lower()]
    return Counter({f"{row['method']} {row['path']}": row["count"] for row in changing if not _reads(row["path"])})


def _reads(path: str) -> bool:
    return path.rpartition("/")[2] in ("sharedKeys", "listClusterUserCredential")  # a POST that tells, and changes nothing


def wakes_in_vain(life: Life) -> None:
    life.still()
    rows, traffic = life.rows.partitions(life.tenant.tenant_id), writes(life)
    pid = stopped(life)
    assert pid is not None
    assert alive(pid)
    os.kill(pid, signal.SIGCONT)
    until(lambda: alive(pid), lambda runs: not runs, WAKES_WITHIN)
    life.still()
    assert writes(life) == traffic
    assert life.rows.partitions(life.tenant.tenant_id) == rows


def test_a_newer_operation_replaced_it(lives: list[Life]):
    def play(life: Life, report: int) -> None:
        path = f"/operations/{operation_of(begun(life, report))}"
        assert life.tenant.post(f"{path}/cancel").status_code == 202
        ended = life.tenant.settled(path.rpartition("/")[2], SETTLES_WITHIN)
        assert ended["status"] == "Canceled", ended
        again = life.tenant.post(f"{path}/retry")
        assert again.status_code == 202, again.text
        newer = life.tenant.settled(again.json()["operationId"], SETTLES_WITHIN)
        assert newer["status"] == "Succeeded", newer
        wakes_in_vain(life)

    at_once(lives, play)


def test_a_newer_attempt_of_the_same_operation_replaced_it(lives: list[Life]):
    """The hub loses what it knew, when it has started the next execution of the attempt whose worker is stopped."""

    def play(life: Life, report: int) -> None:
        life.folder.arm_then(life.tenant.tenant_id, Plan("host: arm POST Microsoft.App/jobs/start", 1, AFTER, WIPE))
        operation = operation_of(begun(life, report))

        def look() -> Json:
            return patiently(lambda: life.tenant.read(f"/operations/{operation}"))()

        ended = until(look, lambda one: one.get("status") in SETTLED, SETTLES_WITHIN)
        assert (ended["status"], ended["attempt"] > 1) == ("Succeeded", True), ended
        wakes_in_vain(life)

    at_once(lives, play)


def at_once(lives: list[Life], play: Callable[[Life, int], None]) -> None:
    with ThreadPoolExecutor(len(lives)) as pool:
        for ended in [pool.submit(play, life, report) for life, report in zip(lives, STEPS, strict=True)]:
            ended.result()
