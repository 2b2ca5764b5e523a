"""Faults as the platform's clients meet them: on real sockets."""

import asyncio

import httpx
import pytest

from localazure.control import faults as faults_module


async def impose(platform, **fault):
    answer = await platform.client.post("/faults", json={"dependency": "arm", "seconds": 10, **fault})
    assert answer.status_code == 200, answer.text


async def test_down_refuses_connections_and_cuts_open_ones_until_lifted(platform, listening):
    assert (await listening.get("/")).text == "hello"
    await impose(platform, mode="down")
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            await listening.get("/")
    await platform.client.delete("/faults")
    assert (await listening.get("/")).text == "hello"


async def test_a_fault_ends_by_itself(platform, listening):
    await impose(platform, mode="down", seconds=0.2)
    await asyncio.sleep(0.4)
    assert (await listening.get("/")).text == "hello"


async def test_error_answers_500_in_the_services_own_shape(platform, listening):
    await impose(platform, mode="error")
    answer = await listening.get("/")
    assert (answer.status_code, answer.json()) == (500, {"error": {"code": "Arm"}})


@pytest.mark.parametrize(("method", "bucket"), [("GET", "reads"), ("PUT", "writes"), ("DELETE", "deletes")])
async def test_throttle_answers_429_that_says_when_to_come_back(platform, listening, method, bucket):
    await impose(platform, mode="throttle")
    answer = await listening.request(method, "/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.headers[f"x-ms-ratelimit-remaining-subscription-{bucket}"] == "0"
    assert answer.json()["error"]["code"] == "TooManyRequests"


async def test_a_lost_acknowledgement_is_done_and_counted_and_then_the_connection_ends(platform, listening):
    await impose(platform, mode="ackLost")
    with pytest.raises(httpx.RemoteProtocolError):
        await listening.put("/thing", content=b"x" * 100_000)
    await platform.client.delete("/faults")
    assert (await listening.get("/")).text == "hello"
    rows = (await platform.client.get("/traffic")).json()["arm"]
    assert rows[0] == {"method": "PUT", "path": "/thing", "status": 200, "count": 1}


async def test_a_share_of_the_requests_is_hit(platform, listening):
    drawn = iter([0.1, 0.9, 0.2, 0.6])
    platform.faults._chance = lambda: next(drawn)
    await impose(platform, mode="error", rate=0.5)
    assert [(await listening.get("/")).status_code for _ in range(4)] == [500, 200, 500, 200]


async def test_slow_delays_each_answer(platform, listening, monkeypatch):
    monkeypatch.setattr(faults_module, "SLOW_SECONDS", 0.3)
    await impose(platform, mode="slow")
    started = asyncio.get_running_loop().time()
    assert (await listening.get("/")).text == "hello"
    assert asyncio.get_running_loop().time() - started >= 0.29


async def test_who_waits_for_a_slow_answer_goes_on_when_the_fault_is_lifted(platform, listening):
    await impose(platform, mode="slow")
    waiting = asyncio.create_task(listening.get("/"))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await platform.client.delete("/faults")
    assert (await asyncio.wait_for(waiting, 1)).text == "hello"


async def test_the_last_fault_of_a_dependency_holds(platform, listening):
    await impose(platform, mode="down")
    await impose(platform, mode="error")
    assert (await listening.get("/")).status_code == 500


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"dependency": "moon", "mode": "down"}, "dependency"),
        ({"mode": "sulk"}, "mode"),
        ({"mode": "down", "rate": 0.5}, "rate"),
        ({"mode": "error", "rate": 1.5}, "rate"),
        ({"mode": "error", "seconds": 0}, "seconds"),
        ({"mode": "error", "seconds": "10"}, "seconds"),
        ({"mode": "error", "minutes": 1}, "minutes"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_naming_the_field(platform, listening, fault, field):
    answer = await platform.client.post("/faults", json={"dependency": "arm", **fault})
    assert answer.status_code == 400
    assert field in answer.json()["error"]


async def test_every_answer_is_counted_by_method_path_and_status(platform, listening):
    await listening.get("/a?x=1")
    await listening.get("/a?x=2")
    await listening.put("/nothing", content=b"{}")
    await impose(platform, mode="error")
    await listening.get("/a")
    rows = (await platform.client.get("/traffic")).json()["arm"]
    assert rows == [
        {"method": "GET", "path": "/a", "status": 200, "count": 2},
        {"method": "PUT", "path": "/nothing", "status": 404, "count": 1},
        {"method": "GET", "path": "/a", "status": 500, "count": 1},
    ]


async def test_traffic_is_bounded(platform, monkeypatch):
    monkeypatch.setattr("localazure.control.traffic.ROWS", 2)
    for path in ("/a", "/b", "/c", "/d", "/a"):
        platform.traffic.count("arm", "GET", path, 200)
    counts = {row["path"]: row["count"] for row in platform.traffic.document()["arm"]}
    assert counts == {"/a": 2, "/b": 1, "(other)": 2}
