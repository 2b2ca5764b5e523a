"""The app under Azure's own worker library, azure-functions-runtime, on Python 3.13: it loads, and functions answer.

What it refuses here (parameters that do not pair with bindings, wrong annotations, a value without a return binding) Azure
would refuse after the deployment, silently. Python 3.13 comes from this interpreter, pyenv or PATH; else the tests are
skipped and say so. The environment is made by uv from hashed requirements and kept in pytest's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SAMPLE_APP = ROOT / "tests" / "localazure" / "host" / "sample_app"
REQUIREMENTS = (ROOT / "requirements.txt", HERE / "requirements.txt")
VERSION = "3.13"


def python_3_13() -> str | None:
    """An interpreter of the version that azure-functions-runtime needs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [
        sys.executable,
        *map(str, sorted(pyenv.glob(f"versions/{VERSION}.*/bin/python"))),
        shutil.which("python3.13"),
    ]
    for candidate in filter(None, candidates):
        said = subprocess.run([candidate, "-V"], capture_output=True, text=True, check=False)
        if said.stdout.startswith(f"Python {VERSION}."):
            return candidate
    return None


@pytest.fixture(scope="session")
def worker_python(pytestconfig: pytest.Config) -> str:
    """The Python of an environment with the app's pinned requirements and the worker's library."""
    base = python_3_13()
    if base is None:
        pytest.skip(f"no Python {VERSION} here (looked at this interpreter, pyenv and PATH)")
    digest = hashlib.sha256(b"".join([base.encode(), *(path.read_bytes() for path in REQUIREMENTS)])).hexdigest()[:16]
    cache = pytestconfig.cache
    assert cache is not None
    place = cache.mkdir(f"azure-worker-{digest}") / "venv"
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (place / "complete").exists():
        files = [part for path in REQUIREMENTS for part in ("-r", str(path))]
        uv(["venv", "--clear", "--python", base, str(place)])
        uv(["pip", "install", "--python", str(python), "--require-hashes", *files])
        (place / "complete").touch()
    return str(python)


def uv(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", "-q", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def load(python: str, folder: Path, calls: list[dict[str, Any]], **settings: str) -> dict[str, Any]:
    done = subprocess.run(
        [python, str(HERE / "load_app.py"), str(folder)],
        input=json.dumps(calls),
        env=os.environ | settings,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def request(method: str, path: str, **fields: Any) -> dict[str, Any]:
    return {"http": {"method": method, "url": f"http://localhost{path}", **fields}}


@pytest.mark.skipif(not (ROOT / "function_app.py").exists(), reason="the project has no function_app.py yet")
def test_the_projects_app_loads_as_azure_would_load_it(worker_python: str) -> None:
    sample = ROOT / "local.settings.sample.json"
    settings = json.loads(sample.read_text())["Values"] if sample.exists() else {}
    outcome = load(worker_python, ROOT, [], **settings)
    assert outcome["python"].startswith(VERSION)
    kinds = {kind for kinds in outcome["functions"].values() for kind in kinds}
    assert {"httpTrigger", "orchestrationTrigger", "activityTrigger", "timerTrigger"} <= kinds


def test_the_sample_app_of_our_host_does_under_azures_worker_what_it_does_here(worker_python: str, tmp_path: Path) -> None:
    moment = {"EventId": -1, "IsPlayed": False, "Timestamp": "2026-01-01T00:00:00Z"}
    history = [
        {"EventType": 12, **moment},
        {"EventType": 0, **moment, "Name": "summing", "Input": "[1, 2]", "Version": None},
    ]
    context = {
        "history": history,
        "input": "[1, 2]",
        "instanceId": "i-1",
        "isReplaying": False,
        "parentInstanceId": "p-1",
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
    }
    bus = {"MessageId": {"string": "m-1"}, "DeliveryCount": {"json": "1"}}
    bus |= {name: {"json": "{}"} for name in ("UserProperties", "ApplicationProperties")}
    calls = [
        {"function": "a_thing", "data": request("GET", "/things/7", params={"id": "7"})},
        {"function": "plain_text", "data": request("GET", "/text")},
        {"function": "fails", "data": request("GET", "/fails")},
        {"function": "yearly", "data": {"json": '{"IsPastDue": true}'}},
        {"function": "on_queue", "data": {"bytes": "ok hello"}, "metadata": bus},
        {"function": "square", "data": {"string": "7"}},
        {"function": "summing", "data": {"string": json.dumps(context)}},
    ]
    outcome = load(worker_python, SAMPLE_APP, calls, NOTES=str(tmp_path / "notes"))
    thing, text, fails, yearly, queue, square, summing = outcome["results"]
    assert json.loads(thing["value"]["body"])["route"] == {"id": "7"}
    assert text["value"] == "just text"
    assert (fails["ok"], "a forged one" in fails["error"]) == (False, True)
    assert (yearly["ok"], queue["ok"]) == (True, True)
    assert square["value"] == "49"
    state = json.loads(summing["value"])
    assert (state["isDone"], state["actions"][0][0]["functionName"]) == (False, "square")
    notes = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    assert notes == [["yearly", True], ["queue", ["ok hello", "m-1", 1, {}]], ["queue done", "ok hello"]]


def test_what_the_worker_refuses_is_said(worker_python: str, tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.route(route='x')\ndef unpaired(req: func.HttpRequest, other: str) -> str: return ''\n"
    )
    with pytest.raises(AssertionError, match="unpaired"):
        load(worker_python, tmp_path, [])
