"""Jobs: executions are processes, with their environment, log, outcome, and end."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from tests.localazure.arm.bodies import ENVIRONMENT, JOB, environment, located
from tests.localazure.arm.conftest import ROOT
from tests.localazure.arm.test_resources import refused


def job(program: str, **configuration) -> dict:
    container = {"name": "main", "image": "i:1", "command": ["python", "-c"], "args": [program]}
    settings = {"triggerType": "Manual", "replicaTimeout": 60, "replicaRetryLimit": 0, **configuration}
    return located(
        properties={"environmentId": ENVIRONMENT, "configuration": settings, "template": {"containers": [container]}}
    )


async def started(local, program: str, override: dict | None = None, **configuration) -> str:
    await environment(local.arm)
    await local.arm.put(JOB, body=job(program, **configuration))
    first, execution = await local.arm.begin("POST", f"{JOB}/start", override)
    assert first.status_code == 202
    assert first.headers["Location"].startswith("https://management.azure.com/")
    assert first.json() == execution
    return execution["name"]


async def ended(local, name: str) -> str:
    done = await local.arm.until(f"{JOB}/executions/{name}", lambda one: one["properties"]["status"] != "Running", 10)
    assert done["properties"]["endTime"]
    return done["properties"]["status"]


@pytest.mark.parametrize(("code", "status"), [(0, "Succeeded"), (3, "Failed")])
async def test_the_exit_code_is_the_status(local, code: int, status: str) -> None:
    assert await ended(local, await started(local, f"raise SystemExit({code})")) == status


async def test_the_process_sees_ours_the_settings_and_its_own_environment_in_the_project(local) -> None:
    program = (
        "import os, sys; print(os.environ['FROM_SETTINGS'], os.environ['OWN'], os.getcwd(), sys.executable, *sys.argv)"
    )
    override = {
        "containers": [
            {
                "name": "main",
                "image": "i:1",
                "command": ["python", "-c", program],
                "args": ["a b", "$HOME"],
                "env": [{"name": "OWN", "value": "own"}],
            }
        ]
    }
    name = await started(local, "raise SystemExit(1)", override)
    assert await ended(local, name) == "Succeeded"
    assert (local.logs / f"{name}.log").read_text().split("\n")[0] == f"settings own {ROOT} {sys.executable} -c a b $HOME"


async def test_an_override_without_a_command_keeps_that_of_the_template(local) -> None:
    override = {"containers": [{"name": "main", "image": "i:1", "env": [{"name": "OWN", "value": "own"}]}]}
    name = await started(local, "import os; raise SystemExit(os.environ['OWN'] != 'own')", override)
    assert await ended(local, name) == "Succeeded"


async def test_a_stopped_execution_is_ended_and_says_so(local, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    name = await started(local, program)
    await written(mark)
    await local.arm.begin("POST", f"{JOB}/executions/{name}/stop")
    assert await ended(local, name) == "Stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


async def test_stopping_a_job_stops_all_its_executions(local) -> None:
    first = await started(local, "import time; time.sleep(60)")
    second = (await local.arm.begin("POST", f"{JOB}/start"))[1]["name"]
    await local.arm.begin("POST", f"{JOB}/stop")
    assert [await ended(local, name) for name in (first, second)] == ["Stopped", "Stopped"]
    assert len((await local.arm.get(f"{JOB}/executions"))["value"]) == 2


async def test_an_execution_that_takes_too_long_fails(local) -> None:
    assert await ended(local, await started(local, "import time; time.sleep(60)", replicaTimeout=1)) == "Failed"


async def test_a_failed_try_is_repeated_within_its_limit(local, tmp_path: Path) -> None:
    mark = tmp_path / "tried"
    program = f"import os; p = {str(mark)!r}; done = os.path.exists(p); open(p, 'w').close(); raise SystemExit(not done)"
    assert await ended(local, await started(local, program, replicaRetryLimit=1)) == "Succeeded"


async def test_deleting_a_job_ends_what_it_runs(local) -> None:
    await started(local, "import time; time.sleep(60)")
    await local.arm.delete(JOB)
    assert await local.arm.get(f"{JOB}/executions") is None
    assert local.application.runner._processes == {}


async def test_what_is_not_emulated_says_so(local) -> None:
    await environment(local.arm)
    scheduled = job("", triggerType="Schedule", scheduleTriggerConfig={"cronExpression": "* * * * *"})
    assert await refused(local.arm.send("PUT", JOB, scheduled)) == (501, "NotImplemented")
    bare = job("")
    del bare["properties"]["template"]["containers"][0]["command"]
    await local.arm.put(JOB, body=bare)
    assert await refused(local.arm.send("POST", f"{JOB}/start")) == (501, "NotImplemented")


async def written(path: Path) -> None:
    give_up = time.monotonic() + 5
    while not _text(path):
        assert time.monotonic() < give_up
        await asyncio.sleep(0.02)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
