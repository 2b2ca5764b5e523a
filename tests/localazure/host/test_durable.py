"""Durable end to end: the sample app's orchestrations, through the real client and through the management API."""

from __future__ import annotations

import time
from itertools import accumulate, pairwise
from uuid import uuid4

import pytest

from tests.localazure.host.conftest import LocalHost, until


@pytest.fixture
def key() -> str:
    return uuid4().hex


@pytest.mark.parametrize(("failures", "status"), [(0, "Completed"), (2, "Completed"), (5, "Failed")])
def test_fan_out_with_retries_and_a_sub_orchestration(host: LocalHost, key: str, failures: int, status: str) -> None:
    host.run("fan_out", failures, key)
    outcome = host.outcome(key)
    assert outcome["runtimeStatus"] == status, host.log
    if status == "Completed":
        assert outcome["output"]["total"] == {"sum": 36, "parent": key}
        assert outcome["customStatus"] == "summing"
    else:
        assert outcome["output"].startswith("Orchestrator function 'fan_out' failed: Activity function 'flaky' failed")
        assert outcome["customStatus"] is None


def test_attempts_are_counted_and_paced(host: LocalHost, key: str) -> None:
    host.run("fan_out", 2, key)
    host.outcome(key)
    moments = host.http.get("/seen").json()[f"flaky {key} 1"]
    assert len(moments) == 3
    assert all(later - earlier >= 0.02 for earlier, later in pairwise(moments))


def test_no_more_activities_at_once_than_host_json_allows(host: LocalHost, key: str) -> None:
    host.run("crowd", None, key)
    host.outcome(key)
    assert max(accumulate(host.http.get("/seen").json()["crowded"])) == 5


def test_an_event_beats_its_deadline(host: LocalHost, key: str) -> None:
    host.run("race", 60, key)
    until(lambda: host.manage("GET", f"instances/{key}").json()["customStatus"] == {"waits": 60})
    assert host.manage("POST", f"instances/{key}/raiseEvent/go", {"yes": True}).status_code == 202
    assert host.outcome(key)["output"] == {"event": {"yes": True}}


def test_a_deadline_beats_an_event_that_does_not_come(host: LocalHost, key: str) -> None:
    began = time.monotonic()
    host.run("race", 0.3, key)
    assert host.outcome(key)["output"] == "deadline"
    assert 0.3 <= time.monotonic() - began < 2


def test_the_client_raises_queries_lists_and_purges(host: LocalHost, key: str) -> None:
    host.run("race", 60, key)
    host.http.post(f"/client/raise/{key}", json={"by": "client"})
    host.outcome(key)
    status = host.http.post(f"/client/status/{key}").json()
    assert (status["runtimeStatus"], status["input"]) == ("Completed", "60")
    assert [event["EventType"] for event in status["history"]][:2] == ["ExecutionStarted", "EventRaised"]
    assert key in host.http.post(f"/client/list/{key}").json()
    assert host.http.post(f"/client/purge/{key}").json() == 1
    assert host.manage("GET", f"instances/{key}").status_code == 404


def test_a_suspended_instance_waits_and_takes_up_what_it_missed(host: LocalHost, key: str) -> None:
    host.run("race", 60, key)
    host.http.post(f"/client/suspend/{key}")
    until(lambda: host.manage("GET", f"instances/{key}").json()["runtimeStatus"] == "Suspended")
    host.manage("POST", f"instances/{key}/raiseEvent/go", 1)
    time.sleep(0.2)
    status = host.manage("GET", f"instances/{key}").json()
    assert (status["runtimeStatus"], status["customStatus"]) == ("Suspended", {"waits": 60})
    host.http.post(f"/client/resume/{key}")
    assert host.outcome(key)["output"] == {"event": 1}


def test_a_terminated_instance_says_why_and_keeps_its_custom_status(host: LocalHost, key: str) -> None:
    host.run("race", 60, key)
    until(lambda: host.manage("GET", f"instances/{key}").json()["customStatus"])
    host.http.post(f"/client/terminate/{key}")
    outcome = host.outcome(key)
    assert (outcome["runtimeStatus"], outcome["output"], outcome["customStatus"]) == (
        "Terminated",
        "told to",
        {"waits": 60},
    )
    assert host.manage("POST", f"instances/{key}/raiseEvent/go", 1).status_code == 410


def test_a_terminated_sub_orchestration_fails_at_its_parent(host: LocalHost, key: str) -> None:
    host.run("parent_of_race", 60, key)
    until(lambda: host.manage("GET", f"instances/{key}-sub").status_code == 202)
    host.manage("POST", f"instances/{key}-sub/terminate", reason="enough")
    assert host.outcome(key)["output"].startswith("sub failed: ")


def test_continue_as_new_counts_on_and_an_old_pause_does_not_end_the_next(host: LocalHost, key: str) -> None:
    host.run("counting", None, key)
    for _ in range(3):
        time.sleep(0.25)
        host.manage("POST", f"instances/{key}/raiseEvent/go", 1)
    last = time.monotonic()
    assert host.outcome(key)["output"] == 3
    assert time.monotonic() - last > 0.5


def test_a_failed_orchestration_is_200_unless_asked_otherwise(host: LocalHost, key: str) -> None:
    host.run("failing", None, key)
    outcome = host.outcome(key)
    assert outcome["runtimeStatus"] == "Failed"
    assert "Activity function 'bad' failed: KeyError: 'nope'" in outcome["output"]
    assert outcome["customStatus"] == "before"
    answer = host.manage("GET", f"instances/{key}", returnInternalServerErrorOnFailure="true")
    assert answer.status_code == 500


def test_an_entity_in_an_orchestration_fails_it_with_the_reason(host: LocalHost, key: str) -> None:
    host.run("signalling", None, key)
    assert "signalling: signal_entity" in host.outcome(key)["output"]


def test_a_finished_instance_is_replaced_and_a_running_one_is_not(host: LocalHost, key: str) -> None:
    for _ in range(2):
        host.run("summing", [1, 2], key)
        assert host.outcome(key)["output"]["sum"] == 9
    host.run("race", 60, key)
    assert host.http.post("/start/race", json=1, params={"id": key}).status_code == 500
    assert "already exists" in host.log


def test_restart_begins_anew_with_the_same_input(host: LocalHost, key: str) -> None:
    host.run("summing", [1, 2], key)
    host.outcome(key)
    answer = host.manage("POST", f"instances/{key}/restart")
    assert answer.status_code == 202
    assert answer.json()["id"] != key
    assert host.outcome(answer.json()["id"])["output"]["sum"] == 9


def test_instances_are_listed_by_status_prefix_and_page(host: LocalHost, key: str) -> None:
    for number in range(3):
        host.run("summing", [number], f"{key}-{number}")
        host.outcome(f"{key}-{number}")
    query = {"instanceIdPrefix": key, "runtimeStatus": "Completed", "top": "2"}
    first = host.manage("GET", "instances", **query)
    assert [one["instanceId"] for one in first.json()] == [f"{key}-0", f"{key}-1"]
    token = first.headers["x-ms-continuation-token"]
    url = "/runtime/webhooks/durabletask/instances"
    rest = host.http.get(
        url, params={"code": host.keys["durable"], **query}, headers={"x-ms-continuation-token": token}
    ).json()
    assert [one["instanceId"] for one in rest] == [f"{key}-2"]
    assert host.manage("GET", "instances", runtimeStatus="Nonsense").status_code == 400


def test_the_check_status_response_leads_back_here(host: LocalHost) -> None:
    answer = host.http.post("/start/summing", json=[1])
    until(lambda: host.http.get(answer.headers["location"]).status_code == 200)
    assert "taskHub=SampleHub" in answer.json()["statusQueryGetUri"]


def test_the_management_api_needs_its_key(host: LocalHost) -> None:
    for path in ("/runtime/webhooks/durabletask/instances", "/runtime/rpc/guess/instances"):
        assert host.http.get(path).status_code == 401
        assert host.http.get(path, params={"code": host.keys["function"]}).status_code == 401


def test_what_is_not_emulated_is_501_and_what_is_wrong_400(host: LocalHost, key: str) -> None:
    assert host.manage("GET", "entities/counter/one").status_code == 501
    assert host.manage("POST", f"instances/{key}/rewind").status_code == 501
    assert host.manage("POST", "orchestrators/summing", [1], timeout="5").status_code == 501
    unknown = host.manage("POST", "orchestrators/nonsense", [1])
    assert unknown.status_code == 400
    assert "doesn't exist" in unknown.json()["ExceptionMessage"]
    assert host.manage("POST", f"instances/{key}/raiseEvent/go", 1).status_code == 404
