"""What `up` promises to the programs that drive it, with doubles in the children's places."""

import json
import os
import re
import signal
import socket
import stat
import time
from pathlib import Path

import pytest


def test_ready_is_one_line_that_names_every_endpoint_and_the_file_says_the_same(start):
    running = start().await_ready()
    names = {"api", "grpc", "issuer", "control", "serviceBus", "tables", "keyVault", "arm", "kubernetes", "telemetry"}
    assert set(running.ready) == names
    assert re.fullmatch(r"127\.0\.0\.1:\d+", running.ready["grpc"])
    assert json.loads((running.data / "endpoints.json").read_text()) == running.ready
    assert running.end() == 0
    assert running.process.stdout.read() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_child_and_takes_the_endpoints_away(start, refuses, number):
    running = start().await_ready()
    assert running.end(number) == 0
    assert not (running.data / "endpoints.json").exists()
    assert refuses(running.ready["api"])
    assert refuses(running.ready["control"])


def test_children_end_when_the_supervisor_is_killed_and_the_folder_can_be_used_at_once(start, refuses, until):
    killed = start().await_ready()
    killed.process.kill()
    again = start().await_ready()
    assert again.ready == killed.ready
    assert again.end() == 0
    until(lambda: refuses(killed.ready["api"]))


def test_a_signal_during_the_start_ends_it_quietly(start, until):
    running = start()
    until(lambda: (running.data / "settings.json").exists())
    assert running.end() == 0
    assert running.process.stdout.read() == ""


def test_a_dead_child_is_started_again_on_its_port_and_reported(start, until):
    running = start().await_ready()
    time.sleep(2.1)  # past the time in which a death counts as early
    first = running.child("control")["pid"]
    os.kill(first, signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: running.child("control")["pid"] != first)
    assert time.monotonic() - killed < 2
    running.end()
    assert f"services (process {first}) was killed by SIGKILL, starting again" in running.process.stderr.read()


def test_a_child_that_ends_by_itself_before_it_serves_stops_the_start_with_its_own_words(start):
    running = start("--composition", "broken")
    assert running.process.wait(10) == 1
    assert running.process.stderr.read().splitlines()[-1] == (
        "localazure: host ended with 1 before it served: entity counter is not emulated"
    )


def test_ports_are_kept(start):
    first = start().await_ready()
    first.end()
    second = start().await_ready()
    second.end()
    assert first.ready == second.ready


def test_a_port_in_use_is_said_in_one_line(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = start("--port", str(port))
        assert running.process.wait(10) == 1
    assert running.process.stderr.read() == f"localazure: port {port} (api) is in use: choose another with --port\n"


def test_a_second_up_on_the_same_folder_says_so(start):
    first = start().await_ready()
    second = start()
    assert second.process.wait(10) == 1
    assert f"already running on {first.data} (process {first.process.pid})" in second.process.stderr.read()
    assert (first.data / "endpoints.json").exists()


def test_reset_empties_our_folder_and_spares_what_was_there_before_us(start, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "mine.txt").write_text("not yours")
    start().await_ready().end()
    ports = (data / "ports.json").read_text()
    (data / "services.sqlite").write_text("old")
    start("--reset").await_ready().end()
    assert not (data / "services.sqlite").exists()
    assert (data / "ports.json").read_text() != ports
    assert (data / "mine.txt").read_text() == "not yours"


def test_reset_of_a_folder_that_was_never_ours_removes_nothing(start, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "thesis.txt").write_text("years of work")
    start("--reset").await_ready().end()
    assert (data / "thesis.txt").read_text() == "years of work"


def test_settings_are_private_filled_and_overridden_by_their_own_names_only(start):
    environ = {"FEATURE": "from the shell", "OTHER": "x", "AZURE_CLIENT_ID": "real", "KUBECONFIG": "/real"}
    running = start(environ=environ).await_ready()
    path = running.data / "settings.json"
    settings = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert settings["FEATURE"] == "from the shell"
    assert "OTHER" not in settings
    assert settings["GATE_STABLE_SECONDS"] == "60"
    assert settings["OIDC_ISSUER"] == running.ready["issuer"]
    assert settings["ServiceBus"] == running.ready["serviceBus"]
    assert json.loads(settings["OIDC_DECRYPTION_KEY"])["use"] == "enc"
    environment = running.child("api")["environment"]
    assert environment["SSL_CERT_FILE"] == str(running.data / "ca-bundle.pem")
    assert not {"AZURE_CLIENT_ID", "KUBECONFIG", "REQUESTS_CA_BUNDLE"} & set(environment)
    running.end()


def test_quick_shortens_what_the_sample_names_and_nothing_else(start):
    running = start("--quick").await_ready()
    running.end()
    settings = json.loads((running.data / "settings.json").read_text())
    assert settings["GATE_STABLE_SECONDS"] == "2"
    assert "DRIFT_SCHEDULE" not in settings
    assert json.loads((running.data / "options.json").read_text()) == {"quick": True, "kubernetes": "stand-in"}


def test_secrets_outlive_a_restart(start):
    def secrets_after_a_run():
        running = start().await_ready()
        running.end()
        settings = json.loads((running.data / "settings.json").read_text())
        return settings["RUNTIME_SIGNING_KEY"], settings["OIDC_DECRYPTION_KEY"]

    assert secrets_after_a_run() == secrets_after_a_run()


def test_what_children_say_is_in_their_log_and_on_stderr(start):
    running = start().await_ready()
    running.end()
    assert "child double serves" in (running.data / "logs" / "host.log").read_text()
    assert "host | child double serves" in running.process.stderr.read()


def test_azurite_keeps_its_rows_over_a_restart_and_ends_with_a_killed_supervisor(start, refuses, until):
    from azure.data.tables import TableServiceClient

    running = start("--composition", "azurite").await_ready()
    with TableServiceClient.from_connection_string(running.ready["tables"]) as service:
        service.create_table("kept").create_entity({"PartitionKey": "p", "RowKey": "r", "value": 1})
    assert running.end() == 0
    again = start("--composition", "azurite").await_ready()
    with TableServiceClient.from_connection_string(again.ready["tables"]) as service:
        assert service.get_table_client("kept").get_entity("p", "r")["value"] == 1
    again.process.kill()
    port = json.loads((again.data / "ports.json").read_text())["azuriteTables"]
    until(lambda: refuses(f"http://127.0.0.1:{port}/"))


def test_a_killed_leash_takes_azurite_with_it_and_both_come_back(start, refuses, until):
    running = start("--composition", "azurite").await_ready()
    port = json.loads((running.data / "ports.json").read_text())["azuriteTables"]
    leash = int(until(lambda: _pid_of(running, "leash.py")))
    os.kill(leash, signal.SIGKILL)
    until(lambda: _pid_of(running, "leash.py") not in (None, leash) and not refuses(f"http://127.0.0.1:{port}/"))
    assert running.end() == 0


def _pid_of(running, word):
    """The child of this supervisor whose command line has the word; None where /proc does not tell."""
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
    if not children.exists():
        pytest.skip("needs /proc/<pid>/task/<pid>/children to find the leash: Linux only")
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children.read_text().split()}
    return next((int(pid) for pid, command in commands.items() if word in command), None)
