"""`make tools` where something is missing: what it says, how it exits, what it leaves. Go is a script of the test."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from localazure.kubernetes_real import binaries
from localazure.supervisor.trouble import Trouble
from tools.kubernetes import BROKEN, BUILT, UNAVAILABLE, main

SCRIPT = """#!/bin/sh
case "$1" in
  env) echo {version} ;;
  list) {fetch} ;;
  build) {build} ;;
esac
"""
# The word after -o names what is to be made.
MAKE = 'while [ "$1" != -o ]; do shift; done; echo program > "$2"'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return binaries.folder()


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a Go on PATH, and nothing else but what the script needs."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("sh", "nice", "sleep"):
        (place / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(place))

    def put(version: str = "go1.99.1", fetch: str = "true", build: str = MAKE) -> None:
        script = place / "go"
        script.write_text(SCRIPT.format(version=version, fetch=fetch, build=build))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    return put


def test_everything_is_built_once_and_found_then(cache: Path, go, capsys: pytest.CaptureFixture[str]) -> None:
    go()
    with pytest.raises(Trouble, match="make tools"):
        binaries.find()
    assert main([]) == BUILT
    assert binaries.find() == {name: cache / name for name in binaries.PACKAGES}
    go(build="exit 1")
    assert main([]) == BUILT  # nothing is left to build
    assert f"Kubernetes {binaries.version('k8s.io/kubernetes')} is built" in capsys.readouterr().err


def test_what_was_done_is_kept_and_only_the_rest_is_built(cache: Path, go) -> None:
    go(build='case "$*" in *cmd/kwok*) exit 1;; esac; ' + MAKE)
    assert main([]) == BROKEN
    assert binaries.missing() == ["kwok"]
    go(build='case "$*" in *cmd/kwok*) ;; *) exit 1;; esac; ' + MAKE)
    assert main([]) == BUILT


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"version": "go1.20.1"}, "or newer is needed"),
        ({"fetch": "echo no route; exit 1"}, "no route"),
        ({"build": "sleep 60"}, "no time left while building etcd"),
    ],
)
def test_what_cannot_be_had_here_is_said_and_is_a_failure_only_where_it_is_wanted(
    cache: Path, go, capsys: pytest.CaptureFixture[str], how: dict[str, str], says: str
) -> None:
    go(**how)
    assert main(["--within", "1"]) == UNAVAILABLE
    assert says in capsys.readouterr().err
    assert main(["--within", "1", "--optional"]) == BUILT
    assert "skipped" in capsys.readouterr().err
    assert binaries.missing() == list(binaries.PACKAGES)


def test_without_go_it_says_what_to_install(cache: Path, go, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == UNAVAILABLE
    assert f"install Go {binaries.version('go')} or newer" in capsys.readouterr().err
    assert not os.path.exists(cache)


def test_versions_are_those_of_the_pins() -> None:
    assert binaries.version("k8s.io/kubernetes") in binaries.PINS[0].read_text()
    assert binaries.version("go.etcd.io/etcd/server/v3").startswith("3.6.")  # earlier ones stall rollouts
    with pytest.raises(LookupError):
        binaries.version("example.org/none")
