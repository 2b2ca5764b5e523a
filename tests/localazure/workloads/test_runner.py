from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from localazure.shelf import Shelf
from localazure.workloads.port import ReplicaHost, Revision
from localazure.workloads.runner import Runner

REVISION = Revision("env-1", "orders", "container-apps", "orders--1", "acr.io/orders:1", {"MODE": "live"})

CHILD = """
import asyncio, json, sys
from localazure.shelf import Shelf
from localazure.workloads.port import Revision
from localazure.workloads.runner import Runner

async def main():
    runner = Runner(Shelf(sys.argv[1]))
    await runner.scale(Revision("env-1", "orders", "aks", "orders-1", "acr.io/orders:1", {"A": "b"}), 3)
    runner.serve("env-1", "orders", "aks/env-1/orders/orders-1")
    runner.add_behaviour({"image": "acr.io/orders:1", "status": "Degraded"})
    print(json.dumps(runner.rows()), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[Runner]:
    shelf = Shelf(tmp_path / "services.sqlite")
    started = Runner(shelf)
    await started.restore()
    yield started
    await started.close()
    shelf.close()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def url(runner: Runner, revision: Revision = REVISION, place: int = 0) -> str:
    return runner.replicas(revision.key)[place].url + "/health"


def test_the_runner_is_what_the_stand_ins_ask_for(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "services.sqlite")
    host: ReplicaHost = Runner(shelf)
    assert host.replicas("unknown") == []
    shelf.close()


async def test_every_replica_has_a_port_of_its_own_and_answers_the_health_document(runner: Runner, http: Any) -> None:
    await runner.scale(REVISION, 3)
    replicas = runner.replicas(REVISION.key)
    assert len({replica.port for replica in replicas}) == 3
    for replica in replicas:
        assert (replica.host, replica.ready, replica.image) == ("127.0.0.1", True, "acr.io/orders:1")
        answer = await http.get(replica.url + "/any/path?x=1")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json() == {
            "status": "Healthy",
            "checks": [
                {"name": "self", "status": "Healthy"},
                {"name": "sql", "status": "Healthy", "durationMs": 12},
                {"name": "service-bus", "status": "Healthy", "durationMs": 8},
            ],
        }


async def test_scaling_is_idempotent_keeps_who_runs_and_lets_the_newest_go_first(runner: Runner) -> None:
    await runner.scale(REVISION, 2)
    first = [replica.name for replica in runner.replicas(REVISION.key)]
    await asyncio.gather(runner.scale(REVISION, 4), runner.scale(REVISION, 4))
    assert [replica.name for replica in runner.replicas(REVISION.key)][:2] == first
    await runner.scale(REVISION, 2)
    assert [replica.name for replica in runner.replicas(REVISION.key)] == first


async def test_a_stopped_replica_refuses_connections_and_cuts_those_it_has(runner: Runner, http: Any) -> None:
    await runner.start(REVISION, "pod-a")
    await runner.start(REVISION, "pod-a")
    (replica,) = runner.replicas(REVISION.key)
    reader, writer = await asyncio.open_connection(replica.host, replica.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await runner.stop(REVISION.key, "pod-a")
    with pytest.raises(httpx.ConnectError):
        await http.get(replica.url)
    rest = await asyncio.wait_for(reader.read(), 2)  # ends: the connection is gone
    assert b"Healthy" in rest
    writer.close()
    await writer.wait_closed()


async def test_rows_show_the_revision_that_serves_and_the_replicas_of_all(runner: Runner) -> None:
    newer = Revision("env-1", "orders", "container-apps", "orders--2", "acr.io/orders:2", {"MODE": "new"})
    await runner.scale(REVISION, 1)
    await runner.scale(newer, 1)
    assert runner.rows()[0]["revision"] is None
    runner.serve("env-1", "orders", REVISION.key)
    (row,) = runner.rows()
    urls = [replica.url for key in (REVISION.key, newer.key) for replica in runner.replicas(key)]
    assert row == {
        "environmentId": "env-1",
        "serviceId": "orders",
        "target": "container-apps",
        "revision": "orders--1",
        "image": "acr.io/orders:1",
        "env": {"MODE": "live"},
        "replicas": [
            {"url": urls[0], "image": "acr.io/orders:1", "ready": True, "env": {"MODE": "live"}},
            {"url": urls[1], "image": "acr.io/orders:2", "ready": True, "env": {"MODE": "new"}},
        ],
    }
    runner.serve("env-1", "orders", newer.key)
    await runner.remove(REVISION.key)
    assert [row["revision"] for row in runner.rows()] == ["orders--2"]
    await runner.remove(newer.key)
    await runner.remove(newer.key)
    assert runner.rows() == []


async def test_a_revision_keeps_its_environment_while_it_runs_and_takes_the_new_one_when_started_again(
    runner: Runner,
) -> None:
    changed = Revision(
        REVISION.environment_id, REVISION.service_id, REVISION.target, REVISION.name, REVISION.image, {"A": "b"}
    )
    runner.serve("env-1", "orders", REVISION.key)
    await runner.scale(REVISION, 1)
    await runner.scale(changed, 2)
    assert runner.rows()[0]["env"] == {"MODE": "live"}
    await runner.scale(changed, 0)
    await runner.scale(changed, 1)
    assert runner.rows()[0]["env"] == {"A": "b"}


@pytest.mark.parametrize(
    ("rule", "code", "status", "media_type"),
    [
        ({"status": "Degraded"}, 200, "Degraded", "application/json"),
        ({"status": "Unhealthy"}, 503, "Unhealthy", "application/json"),
        ({"status": "Unhealthy", "httpStatus": 200}, 200, "Unhealthy", "application/json"),
        ({"httpStatus": 500}, 500, "Healthy", "application/json"),
        ({"neverReady": True}, 503, "Unhealthy", "application/json"),
        ({"startSeconds": 60}, 503, "Unhealthy", "application/json"),
        ({"redirectTo": "http://127.0.0.1:1/"}, 302, None, None),
        ({"rawBody": "<html>fine</html>"}, 200, None, "text/html; charset=utf-8"),
        ({"rawBody": '{"status": "Healthy"}', "httpStatus": 418}, 418, "Healthy", "application/json"),
        ({"rawBody": "x" * 5_000_000}, 200, None, "text/html; charset=utf-8"),
    ],
)
async def test_a_rule_decides_what_running_replicas_answer(
    runner: Runner, http: Any, rule: Any, code: int, status: str | None, media_type: str | None
) -> None:
    await runner.scale(REVISION, 1)
    runner.add_behaviour({"image": "acr.io/orders:1", **rule})
    answer = await http.get(url(runner))
    assert (answer.status_code, answer.headers.get("content-type")) == (code, media_type)
    if status is not None:
        body = answer.json()
        assert body["status"] == status
        assert "checks" not in body or status in [check["status"] for check in body["checks"]]
    if "redirectTo" in rule:
        assert answer.headers["location"] == rule["redirectTo"]
    if "rawBody" in rule:
        assert answer.text == rule["rawBody"]
    runner.clear_behaviours()
    assert (await http.get(url(runner))).json()["status"] == "Healthy"


async def test_the_last_matching_rule_wins_and_all_that_a_rule_names_must_match(runner: Runner, http: Any) -> None:
    await runner.scale(REVISION, 1)

    async def status() -> str:
        return str((await http.get(url(runner))).json()["status"])

    runner.add_behaviour({"status": "Unhealthy"})
    assert await status() == "Unhealthy"
    runner.add_behaviour({"serviceId": "orders", "environmentId": "env-1", "status": "Degraded"})
    assert await status() == "Degraded"
    runner.add_behaviour({"serviceId": "orders", "environmentId": "env-2", "status": "Healthy"})
    assert await status() == "Degraded"
    runner.add_behaviour({"image": "acr.io/orders:2", "status": "Healthy"})
    assert await status() == "Degraded"
    runner.add_behaviour({"image": "acr.io/orders:1"})
    assert await status() == "Healthy"


@pytest.mark.parametrize(
    "rule",
    [
        {"statsu": "Healthy"},
        {"status": "Ill"},
        {"delayMs": "1"},
        {"delayMs": -1},
        {"neverReady": 1},
        {"httpStatus": True},
        {"httpStatus": 99},
        {"redirectTo": "a\r\nb: c"},
    ],
)
async def test_a_rule_that_cannot_be_understood_is_refused(runner: Runner, rule: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(rule))):
        runner.add_behaviour(rule)


async def test_readiness_comes_with_time_and_goes_with_a_rule(runner: Runner, http: Any) -> None:
    runner.add_behaviour({"startSeconds": 0.2})
    await runner.scale(REVISION, 1)
    assert [replica.ready for replica in runner.replicas(REVISION.key)] == [False]
    await asyncio.sleep(0.25)
    assert [replica.ready for replica in runner.replicas(REVISION.key)] == [True]
    assert (await http.get(url(runner))).status_code == 200
    runner.add_behaviour({"neverReady": True})
    assert [replica.ready for replica in runner.replicas(REVISION.key)] == [False]


async def test_a_slow_answer_delays_only_its_own_connection_and_keeps_the_order_of_requests(
    runner: Runner, http: Any
) -> None:
    await runner.scale(REVISION, 2)
    runner.add_behaviour({"delayMs": 150})
    (first, second) = runner.replicas(REVISION.key)
    begun = time.monotonic()
    await asyncio.gather(http.get(first.url), http.get(first.url), http.get(second.url))
    assert 0.15 <= time.monotonic() - begun < 0.4
    reader, writer = await asyncio.open_connection(first.host, first.port)
    writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" + b"HEAD /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    everything = await reader.read()
    assert everything.count(b"HTTP/1.1 200 OK") == 2
    assert everything.endswith(b"Connection: close\r\n\r\n")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nGET", b"405"),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 17_000, b"431"),
    ],
)
async def test_what_is_no_probe_is_refused_and_the_connection_closed(runner: Runner, sent: bytes, status: bytes) -> None:
    await runner.scale(REVISION, 1)
    (replica,) = runner.replicas(REVISION.key)
    reader, writer = await asyncio.open_connection(replica.host, replica.port)
    writer.write(sent)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1") == 1
    writer.close()
    await writer.wait_closed()


async def test_after_a_kill_everything_listens_again_on_the_same_ports(tmp_path: Path, http: Any) -> None:
    path = tmp_path / "services.sqlite"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE)  # noqa: ASYNC220
    assert child.stdout is not None
    rows = json.loads(await asyncio.to_thread(child.stdout.readline))
    child.kill()
    child.stdout.close()
    await asyncio.to_thread(child.wait)
    shelf = Shelf(path)
    runner = Runner(shelf)
    await runner.restore()
    assert runner.rows() == rows
    assert len(rows[0]["replicas"]) == 3
    for replica in rows[0]["replicas"]:
        assert (await http.get(replica["url"])).json()["status"] == "Degraded"
    await runner.close()
    shelf.close()


async def test_five_hundred_replicas_start_within_seconds(runner: Runner, http: Any) -> None:
    begun = time.monotonic()
    await asyncio.gather(*(runner.scale(Revision("e", f"s{n}", "aks", f"s{n}-1", "i"), 5) for n in range(100)))
    assert time.monotonic() - begun < 5
    assert len({replica["url"] for row in runner.rows() for replica in row["replicas"]}) == 500
