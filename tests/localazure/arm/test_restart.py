"""A SIGKILL at any time: what was acknowledged is still there, what was in progress ends, jobs do not outlive us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest_asyncio

from tests.localazure.arm.bodies import APP, ENVIRONMENT, GROUP, JOB, app, located
from tests.localazure.arm.conftest import ROOT
from tests.localazure.arm.test_jobs import job, written
from tests.support.ports import free_port


@dataclass
class Killable:
    folder: Path
    certificate: Path
    port: int
    http: httpx.AsyncClient
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        script, arguments = "tests.localazure.arm.process", (str(self.folder), str(self.port), str(self.certificate))
        self.process = await asyncio.create_subprocess_exec(sys.executable, "-m", script, *arguments, cwd=ROOT)
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            with contextlib.suppress(httpx.TransportError):
                await self.call("GET", GROUP)
                return
            await asyncio.sleep(0.05)
        raise AssertionError("ARM did not start")

    async def kill(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def call(self, method: str, path: str, body: dict | None = None) -> httpx.Response:
        return await self.http.request(method, path, params={"api-version": "2025-01-01"}, json=body)

    async def until(self, path: str, satisfied) -> dict:
        give_up = time.monotonic() + 10
        while not satisfied(document := (await self.call("GET", path)).json()):
            assert time.monotonic() < give_up, document
            await asyncio.sleep(0.05)
        return document

    async def settled(self, path: str) -> dict:
        return await self.until(path, lambda found: found["properties"]["provisioningState"] == "Succeeded")


@pytest_asyncio.fixture
async def killable(tmp_path: Path, certificate: Path) -> AsyncIterator[Killable]:
    port = free_port()
    headers = {"Authorization": "Bearer x"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as http:
        running = Killable(tmp_path, certificate, port, http)
        await running.start()
        yield running
        await running.kill()


async def test_everything_is_there_again_at_the_same_addresses(killable: Killable) -> None:
    await killable.call("PUT", GROUP, located())
    await killable.call("PUT", ENVIRONMENT, located(properties={}))
    await killable.settled(ENVIRONMENT)
    await killable.call("PUT", APP, app(replicas=2))
    before = (await killable.settled(APP))["properties"]
    await killable.kill()
    await killable.start()
    after = (await killable.call("GET", APP)).json()["properties"]
    assert after | {"latestReadyRevisionName": ""} == before | {"latestReadyRevisionName": ""}
    context = ssl.create_default_context(cafile=killable.certificate)
    async with httpx.AsyncClient(verify=context) as client:
        for fqdn in (after["configuration"]["ingress"]["fqdn"], after["latestRevisionFqdn"]):
            assert (await client.get(f"https://{fqdn}/")).text.startswith("registry.example/orders:1#")
    revision = (await killable.call("GET", f"{APP}/revisions/orders--v1")).json()["properties"]
    assert (revision["replicas"], revision["healthState"], revision["trafficWeight"]) == (2, "Healthy", 100)


async def test_an_operation_in_progress_ends_after_a_restart(killable: Killable) -> None:
    await killable.call("PUT", GROUP, located())
    made = await killable.call("PUT", ENVIRONMENT, located(properties={}))
    await killable.settled(ENVIRONMENT)
    made = await killable.call("PUT", APP, app())
    await killable.kill()
    await killable.start()
    status = await killable.http.get(made.headers["Azure-AsyncOperation"])
    assert status.json()["status"] in ("InProgress", "Succeeded")
    assert (await killable.settled(APP))["properties"]["latestRevisionName"] == "orders--v1"
    assert (await killable.http.get(made.headers["Azure-AsyncOperation"])).json()["status"] == "Succeeded"


async def test_a_job_dies_with_us_and_is_reported_failed(killable: Killable, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    await killable.call("PUT", GROUP, located())
    await killable.call("PUT", ENVIRONMENT, located(properties={}))
    await killable.call("PUT", JOB, job(program))
    await killable.settled(JOB)
    name = (await killable.call("POST", f"{JOB}/start")).json()["name"]
    await written(mark)
    pid = int(mark.read_text())
    await killable.kill()
    give_up = time.monotonic() + 5
    while _lives(pid):
        assert time.monotonic() < give_up
        await asyncio.sleep(0.02)
    await killable.start()
    execution = (await killable.call("GET", f"{JOB}/executions/{name}")).json()
    assert execution["properties"]["status"] == "Failed"


def _lives(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
