"""kill -9: what was acknowledged is there again, what waited waits, what ran runs again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.localazure.host.conftest import LocalHost, until


@pytest.fixture
def host(make_host: Callable[..., LocalHost]) -> LocalHost:
    return make_host().start()


def killed(host: LocalHost) -> LocalHost:
    host.end(signal.SIGKILL)
    return host.start()


def test_an_instance_whose_start_was_acknowledged_survives_at_once(host: LocalHost) -> None:
    keys = [host.run("race", 60, f"waits-{number}") for number in range(20)]
    killed(host)
    for key in keys:
        assert host.manage("POST", f"instances/{key}/raiseEvent/go", key).status_code == 202
    killed(host)
    assert [host.outcome(key)["output"] for key in keys] == [{"event": key} for key in keys]


def test_timers_activities_and_sub_orchestrations_go_on_through_two_kills(host: LocalHost) -> None:
    host.run("parent_of_race", 5, "parent")
    due = time.monotonic() + 5
    host.run("slow_work", None, "worker")
    until(lambda: host.notes("slow") == ["worker"])
    killed(killed(host))
    served = time.monotonic()
    assert host.outcome("parent")["output"] == "deadline"
    assert time.monotonic() < max(due, served) + 4, "due when it was due, not counted anew"
    assert host.outcome("worker")["output"] == "worked"
    assert set(host.notes("noted")) == {"parent"}, "at least once: a kill may have met it, too"
    assert host.notes("slow done") == ["worker"], "the interrupted runs did not finish"
    assert host.notes("slow") == ["worker"] * 3, "at least once"


def test_a_fan_out_under_kills_ends_with_the_right_sum(host: LocalHost) -> None:
    keys = [host.run("fan_out", 1, f"fan-{number}") for number in range(30)]
    killed(host)
    assert {host.outcome(key)["output"]["total"]["sum"] for key in keys} == {36}


def test_an_orderly_end_gives_activities_back_too(host: LocalHost) -> None:
    host.run("slow_work", None, "worker")
    until(lambda: host.notes("slow"))
    assert host.end() == 0
    host.start()
    assert host.outcome("worker")["output"] == "worked"


def test_keys_stay_valid(host: LocalHost) -> None:
    before = host.keys
    killed(host)
    assert host.keys == before
    assert host.manage("GET", "instances").status_code == 200
