"""Starting, refusing and ending: the process as the supervisor sees it."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.localazure.host.conftest import LocalHost


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_code_0_even_with_a_request_in_hand(make_host: Callable[..., LocalHost], how: int) -> None:
    host = make_host().start()
    with socket.create_connection(("127.0.0.1", host.layout.ports["api"])) as hanging:
        hanging.sendall(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        began = time.monotonic()
        assert host.end(how) == 0
    assert time.monotonic() - began < 5
    assert host.notes("closed") == [True], "function_app.close() was awaited"


def test_it_ends_when_stdin_does(make_host: Callable[..., LocalHost]) -> None:
    host = make_host().start("--watch-stdin", stdin=subprocess.PIPE)
    assert host.process is not None
    assert host.process.stdin is not None
    host.process.stdin.close()
    assert host.process.wait(6) == 0


def test_without_being_asked_it_does_not_watch_stdin(make_host: Callable[..., LocalHost]) -> None:
    host = make_host().start(stdin=subprocess.DEVNULL)
    time.sleep(0.3)
    assert host.http.get("/text").status_code == 200


def test_it_listens_on_loopback_only(make_host: Callable[..., LocalHost]) -> None:
    host = make_host().start()
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in (str(one) for one in addresses if not str(one).startswith("127.")):
        with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
            socket.create_connection((address, host.layout.ports["api"]), timeout=1)


def test_a_port_in_use_ends_it_with_a_line(make_host: Callable[..., LocalHost]) -> None:
    host = make_host()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", host.layout.ports["api"]))
        taken.listen()
        assert host.launch().wait(40) == 1
    assert "in use" in host.log


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("@app.entity_trigger(context_name='context')\ndef counter(context): ...", "not emulated: counter: trigger type"),
        ("@app.timer_trigger(arg_name='t', schedule='%NO_SUCH%')\ndef sweep(t): ...", "sweep: the app setting 'NO_SUCH'"),
        ("@app.timer_trigger(arg_name='t', schedule='soon')\ndef sweep(t): ...", "sweep: 'soon' is not an NCRONTAB"),
    ],
)
def test_a_refused_app_is_one_line_and_code_1(
    make_host: Callable[..., LocalHost], tmp_path: Path, body: str, said: str
) -> None:
    source = f"import azure.durable_functions as df\napp = df.DFApp()\n{body}\n"
    (tmp_path / "function_app.py").write_text(source)
    host = make_host(tmp_path)
    assert host.launch().wait(40) == 1
    errors = [line for line in host.log.splitlines() if " ERROR " in line]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in host.log


def test_the_apps_settings_are_in_its_environment_before_it_is_imported(
    make_host: Callable[..., LocalHost], tmp_path: Path
) -> None:
    (tmp_path / "function_app.py").write_text(
        "import os\nimport azure.functions as func\napp = func.FunctionApp()\nVALUE = os.environ['MINE']\n"
        "@app.route(route='value', auth_level='anonymous')\n"
        "def value(req: func.HttpRequest) -> str:\n    return VALUE\n"
    )
    host = make_host(tmp_path, MINE="from settings").start()
    assert host.http.get("/api/value").text == "from settings", "the default route prefix is api"


def test_the_homepage_can_be_switched_off(make_host: Callable[..., LocalHost], tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text("import azure.functions as func\napp = func.FunctionApp()\n")
    assert make_host(tmp_path).start().http.get("/").status_code == 200
    assert make_host(tmp_path, AzureWebJobsDisableHomepage="true").start().http.get("/").status_code == 204


def test_function_timeout_fails_an_invocation(make_host: Callable[..., LocalHost], tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "functionTimeout": "00:00:01"}')
    (tmp_path / "function_app.py").write_text(
        "import asyncio\nimport azure.functions as func\napp = func.FunctionApp()\n"
        "@app.route(route='slow', auth_level='anonymous')\n"
        "async def slow(req: func.HttpRequest) -> str:\n    await asyncio.sleep(5)\n    return 'late'\n"
    )
    host = make_host(tmp_path).start()
    assert host.http.get("/api/slow").status_code == 500
    assert "TimeoutError" in host.log
