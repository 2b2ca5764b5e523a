"""`make tools`: build a real Kubernetes control plane from public Go modules, for `make e2e-kubernetes` and
`localazure up --kubernetes real`.

Needs Go, of the version go.mod asks for or newer, and the module proxy of the environment (GOPROXY). About ten minutes and
3 GB of Go's own caches on two cores; what is built stays in the user's cache, outside the tree. May be ended and called
again: programs that are done are kept, packages that were compiled are in Go's cache.

Exits with 0 when everything is built, 1 when a program cannot be built, 3 when that cannot be tried here (no Go, no modules
to be had, no time left). `--optional` makes 0 of a 3: it is said, and nothing fails.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from localazure.kubernetes_real import binaries

BUILT, BROKEN, UNAVAILABLE = 0, 1, 3
_TELL_SECONDS = 15.0


class Unavailable(Exception):
    """Why it cannot be built here, and what to do about it."""


class Broken(Exception):
    """A program that does not compile."""


class Go:
    """Go's commands on the pinned modules, in a copy of them; ended when the time is over."""

    def __init__(self, executable: str, sources: Path, jobs: int, deadline: float | None) -> None:
        self._executable = executable
        self._sources = sources
        self._deadline = deadline
        flags = {"GOFLAGS": f"-buildvcs=false -mod=mod -p={jobs}", "GOTOOLCHAIN": "local", "GOWORK": "off"}
        self._environment = {**os.environ, **flags, "CGO_ENABLED": "0"}

    def run(self, what: str, arguments: Sequence[str]) -> tuple[int, str]:
        """The exit code and the end of what was said. Tells about progress. Raises `Unavailable` out of time."""
        started = told = time.monotonic()
        with tempfile.TemporaryFile("w+") as output:
            command = ["nice", "-n", "10", self._executable, *arguments]
            options = {"cwd": self._sources, "env": self._environment, "stdout": output, "stderr": output}
            process = subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603 — Go, from PATH
            try:
                while process.poll() is None:
                    time.sleep(0.2)
                    now = time.monotonic()
                    if self._deadline is not None and now > self._deadline:
                        raise Unavailable(f"no time left while {what}: call `make tools` again to go on from here")
                    if now - told > _TELL_SECONDS:
                        told = now
                        say(f"{what}, {_lines(output)} steps in {now - started:.0f} s")
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)  # its own session: Go and the compilers it started
                    process.wait()
            output.seek(0)
            return process.returncode, output.read()[-2000:]


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        build(options.jobs, options.within)
    except Unavailable as unavailable:
        say(f"{'skipped' if options.optional else 'not built'}: {unavailable}")
        return BUILT if options.optional else UNAVAILABLE
    except Broken as broken:
        say(f"failed: {broken}")
        return BROKEN
    return BUILT


def build(jobs: int, within: float | None) -> None:
    """Build what is missing. Raises `Unavailable`, `Broken`."""
    wanted, folder = binaries.missing(), binaries.folder()
    if not wanted:
        say(f"Kubernetes {binaries.version('k8s.io/kubernetes')} is built: {folder}")
        return
    go = Go(usable_go(), folder / "src", jobs, None if within is None else time.monotonic() + within)
    (folder / "src").mkdir(parents=True, exist_ok=True)
    for pins in binaries.PINS:
        shutil.copyfile(pins, folder / "src" / pins.name)
    packages = [binaries.PACKAGES[name] for name in wanted]
    code, said = go.run("fetching modules", ["list", "-deps", "-f", "", *packages])
    if code:
        raise Unavailable(f"modules cannot be fetched; `go env GOPROXY` says from where. Go said: {said}")
    for name in wanted:
        build_one(go, name, folder)


def build_one(go: Go, name: str, folder: Path) -> None:
    """One program, in place only when it is whole. Raises `Unavailable`, `Broken`."""
    started, half = time.monotonic(), folder / "src" / f"{name}.new"
    code, said = go.run(
        f"building {name}", ["build", "-v", "-trimpath", "-ldflags", _linked(), "-o", str(half), binaries.PACKAGES[name]]
    )
    if code:
        raise Broken(f"{name}: {said}")
    half.replace(folder / name)
    say(f"{name} built in {time.monotonic() - started:.0f} s")


def usable_go() -> str:
    """Raises `Unavailable` where there is no Go, or one that is too old."""
    needed = binaries.version("go")
    found = shutil.which("go")
    if found is None:
        raise Unavailable(f"there is no Go on PATH: install Go {needed} or newer (https://go.dev/doc/install)")
    said = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    if _numbers(said) < _numbers(needed):
        raise Unavailable(f"{found} is {said.strip() or 'unknown'}: Go {needed} or newer is needed")
    return found


def _linked() -> str:
    """Who they say they are; by default a build of our own says v0.0.0, which kubectl and clients refuse to talk to."""
    kubernetes, kwok = binaries.version("k8s.io/kubernetes"), binaries.version("sigs.k8s.io/kwok")
    place = "k8s.io/component-base/version"
    told = {
        f"{place}.gitVersion": f"v{kubernetes}",
        f"{place}.gitMajor": kubernetes.split(".")[0],
        f"{place}.gitMinor": kubernetes.split(".")[1],
        f"{place}.gitTreeState": "clean",
        f"{place}.gitCommit": "shim",
        f"{place}.buildDate": "1970-01-01T00:00:00Z",
        "sigs.k8s.io/kwok/pkg/consts.Version": f"v{kwok}",
    }
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in told.items())])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _lines(output: object) -> int:
    name = output.fileno()  # type: ignore[attr-defined]
    return os.pread(name, os.fstat(name).st_size, 0).count(b"\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make tools", description="Build a real Kubernetes control plane.")
    parser.add_argument("--within", type=float, help="seconds after which to give up")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="compilers at once (default: one a core)")
    parser.add_argument("--optional", action="store_true", help="what cannot be had here is said and is no failure")
    return parser


def say(text: str) -> None:
    sys.stderr.write(f"tools: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
