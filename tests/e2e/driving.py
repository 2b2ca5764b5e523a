"""A whole local platform, driven from outside as its users and its operators drive it.

`start` runs `python -m localazure up --quick` on free ports and answers a `Platform`; a `Tenant` of it speaks the public
API with a bearer token; `Control` is the control API of issue 3. Everything here is the fixed interface: no test reaches
into a process. Nothing is retried but the polls, which end after a deadline with what was last seen.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN = 60.0  # seconds
ENDS_WITHIN = 15.0
POLL = 0.2
PATIENCE = 90.0  # what is awaited comes within a few seconds; a busy machine is no reason to fail
TAIL = 8_000  # characters of the supervisor's stderr that a failure shows

READ_SCOPES = ("runtime.environments.read", "runtime.deployments.read", "runtime.health.read", "runtime.drift.read")
WRITE_SCOPES = (
    "runtime.environments.write",
    "runtime.deployments.write",
    "runtime.configurations.write",
    "runtime.secrets.write",
    "runtime.scaling.write",
)
ALL_SCOPES = " ".join(READ_SCOPES + WRITE_SCOPES)
EVERY_SCOPE = f"{ALL_SCOPES} runtime.internal"  # the platform's own workers' too
ENDED = frozenset({"Completed", "RolledBack", "Failed", "Canceled"})
SETTLED = frozenset({"Succeeded", "Failed", "Canceled"})

API, WORKER = "module-reservations-api", "module-billing-worker"
ENVIRONMENT: Mapping[str, Any] = {
    "projectId": "proj-booking-saas",
    "stage": "dev",
    "region": "westeurope",
    "isolationModel": "silo",
    "computeTargets": ["aks", "container-apps"],
}

Json = dict[str, Any]
Seen = TypeVar("Seen")


def component(module: str = API, version: str = "1.4.2", target: str = "aks", **more: Any) -> Json:
    """One component of a release; the image's name is the module's without its prefix."""
    image = f"acr.azurecr.io/{module.removeprefix('module-')}:{version}"
    return {"moduleId": module, "image": image, "target": target, **more}


def image(module: str, version: str) -> str:
    return str(component(module, version)["image"])


def until(look: Callable[[], Seen], holds: Callable[[Seen], bool], seconds: float = PATIENCE) -> Seen:
    """The first thing seen that `holds`. Raises `AssertionError` with the last one seen after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds(seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s; last seen: {seen}")
        time.sleep(POLL)
    return seen


@contextlib.contextmanager
def beside(look: Callable[[], None], every: float) -> Iterator[None]:
    """Do something again and again while the block runs; `every`: seconds between."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every):
            look()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)


def at_once(calls: Sequence[Callable[[], Seen]]) -> list[Seen]:
    """The results of `calls`, made at the same time: each waits until every thread stands ready."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Seen]) -> Seen:
        gate.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@dataclass(frozen=True)
class Tenant:
    """A caller of the public API: one tenant, one token. Paths are relative to `/v1/runtime` unless `raw` is used."""

    platform: Platform
    tenant_id: str
    token: str

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any path of the API, whole; `headers` are added to the bearer token."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.platform.api.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", f"/v1/runtime{path}", **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.request("POST", f"/v1/runtime{path}", json=body, **options)

    def read(self, path: str, **query: Any) -> Json:
        """The document at `path`. Raises `AssertionError` for any answer but a 200."""
        answer = self.get(path, params=query)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    def provision(self, **changes: Any) -> httpx.Response:
        """POST /environments with a name of its own."""
        named = {"tenantId": self.tenant_id, "name": f"e-{uuid.uuid4().hex[:12]}"}
        return self.post("/environments", {**ENVIRONMENT, **named, **changes})

    def environment(self, **changes: Any) -> str:
        """The id of a new environment that is Provisioned."""
        answer = self.provision(**changes)
        assert answer.status_code == 202, answer.text
        return self.provisioned(answer.json()["environmentId"])

    def provisioned(self, environment_id: str, seconds: float = PATIENCE) -> str:
        path = f"/environments/{environment_id}"
        seen = until(lambda: self.read(path), lambda one: one["status"] != "Provisioning", seconds)
        assert seen["status"] == "Provisioned", seen
        return environment_id

    def deploy(self, environment_id: str, components: Sequence[Json], **more: Any) -> httpx.Response:
        """POST /deployments, answered at once."""
        body = {
            "tenantId": self.tenant_id,
            "environmentId": environment_id,
            "releaseRef": "release-2026.6.11",
            "components": list(components),
            **more,
        }
        return self.post("/deployments", body)

    def release(self, environment_id: str, components: Sequence[Json], *, seconds: float = PATIENCE, **more: Any) -> Json:
        """A deployment as it is when it has ended, however it did."""
        answer = self.deploy(environment_id, components, **more)
        assert answer.status_code == 202, answer.text
        return self.ended(answer.json()["deploymentId"], seconds)

    def ended(self, deployment_id: str, seconds: float = PATIENCE) -> Json:
        path = f"/deployments/{deployment_id}"
        return until(lambda: self.read(path), lambda one: one["status"] in ENDED, seconds)

    def listed(self, environment_id: str, services: Collection[str], seconds: float = PATIENCE) -> dict[str, Json]:
        """serviceId -> inventory row, once exactly `services` are listed: the inventory follows a promotion."""

        def inventory() -> dict[str, Json]:
            return {row["serviceId"]: row for row in self.read(f"/environments/{environment_id}")["inventory"]}

        return until(inventory, lambda rows: rows.keys() == set(services), seconds)

    def healthy(self, service_id: str, seconds: float = PATIENCE, **query: str) -> Json:
        """The latest health of a service, once it is Healthy."""
        path = f"/services/{service_id}/health"

        def healthy(answer: httpx.Response) -> bool:
            return answer.status_code == 200 and answer.json()["status"] == "Healthy"

        return dict(until(lambda: self.get(path, params=query), healthy, seconds).json())

    def settled(self, operation_id: str, seconds: float = PATIENCE) -> Json:
        path = f"/operations/{operation_id}"
        return until(lambda: self.read(path), lambda one: one["status"] in SETTLED, seconds)


@dataclass(frozen=True)
class Control:
    """The control API: how workloads behave, what fails, what was asked of the dependencies."""

    http: httpx.Client

    def post(self, path: str, **body: Any) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    def behave(self, **rule: Any) -> None:
        self.post("/workloads/behaviour", **rule)

    def change(self, environment_id: str, service_id: str, **change: Any) -> None:
        """Something happens to a workload behind the platform's back."""
        self.post("/workloads/change", environmentId=environment_id, serviceId=service_id, **change)

    def workloads(self, environment_id: str) -> dict[str, Json]:
        """The workload runner's row of each service of an environment: not the platform's own word."""
        rows = self.http.get("/workloads").raise_for_status().json()
        return {row["serviceId"]: row for row in rows if row["environmentId"] == environment_id}

    def running(self, environment_id: str) -> dict[str, set[str]]:
        """serviceId -> images of its ready replicas."""
        rows = self.workloads(environment_id)
        return {name: {one["image"] for one in row["replicas"] if one["ready"]} for name, row in rows.items()}

    @contextlib.contextmanager
    def fault(self, dependency: str, mode: str = "down", **more: Any) -> Iterator[None]:
        """Within the block a dependency is `down`, `slow` or answers `error`."""
        self.post("/faults", **{"dependency": dependency, "mode": mode, "seconds": 600.0, **more})
        try:
            yield
        finally:
            self.http.delete("/faults").raise_for_status()

    @contextlib.contextmanager
    def policy(self, allow: bool, **more: Any) -> Iterator[None]:
        """Within the block the policy point decides this, whatever it is asked."""
        self.post("/policy", **{"allow": allow, "seconds": 600.0, **more})
        try:
            yield
        finally:
            self.http.delete("/policy").raise_for_status()

    def traffic(self, dependency: str, method: str, part: str) -> Counter[str]:
        """path -> how often it was asked with that method, of the paths that hold `part` in any spelling of case."""
        rows = self.http.get("/traffic").raise_for_status().json().get(dependency, [])
        counts: Counter[str] = Counter()
        for row in rows:
            if row["method"] == method and part.lower() in row["path"].lower():
                counts[row["path"]] += row["count"]
        return counts

    def issue(self, **wanted: Any) -> str:
        """A token as `POST /issuer/token` makes it: `claims`, `header`, `encrypt`, `key`."""
        return str(self.post("/issuer/token", **wanted)["token"])

    def secret_versions(self, vault_uri: str, name: str) -> dict[str, bool]:
        """Version -> whether the vault has it enabled, newest last."""
        asked = {"vaultUri": vault_uri, "name": name}
        return dict(self.http.get("/secrets", params=asked).raise_for_status().json())

    def set_secret(self, vault_uri: str, name: str, value: str) -> None:
        self.post("/secrets", vaultUri=vault_uri, name=name, value=value)


@dataclass
class Platform:
    """One running `localazure up`, its data folder and its endpoints."""

    data: Path
    process: subprocess.Popen[bytes]
    endpoints: Json
    api: httpx.Client = field(init=False)
    control: Control = field(init=False)

    def __post_init__(self) -> None:
        many = httpx.Limits(max_connections=200)
        self.api = httpx.Client(base_url=self.endpoints["api"], timeout=30, limits=many, trust_env=False)
        self.control = Control(httpx.Client(base_url=self.endpoints["control"], timeout=30, trust_env=False))

    def tenant(self, tenant_id: str = "connectsoft", scopes: str = ALL_SCOPES, **claims: Any) -> Tenant:
        """A caller with an ordinary token of the platform's own issuer."""
        token = self.control.issue(claims={"tenantId": tenant_id, "scope": scopes, **claims})
        return Tenant(self, tenant_id, token)

    def fresh_tenant(self, scopes: str = ALL_SCOPES, **claims: Any) -> Tenant:
        """A caller of a tenant that nobody else uses."""
        return self.tenant(f"tenant-{uuid.uuid4().hex[:12]}", scopes, **claims)

    def stderr(self) -> str:
        """The end of what the supervisor and its children said."""
        return stderr_of(self.data)

    def close(self) -> None:
        """Close the clients; the processes go on."""
        self.api.close()
        self.control.http.close()

    def stop(self) -> int:
        """End it as Ctrl-C does. The exit code. Raises `subprocess.TimeoutExpired` when it does not end in time."""
        self.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(ENDS_WITHIN)

    def kill(self) -> None:
        """The last resort: the whole session of the supervisor. Its children end by themselves then."""
        self.close()
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(ENDS_WITHIN)


def start(data: Path, *flags: str, environ: Mapping[str, str] | None = None, module: str = "localazure") -> Platform:
    """A platform that serves, on the ports of `data` where it has some. Raises `AssertionError` with its log otherwise."""
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, "up", "--port", "0", "--quick", "--data", str(data), *flags]
    with (data / "up.stdout").open("wb") as stdout, (data / "up.stderr").open("ab") as stderr:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )
    try:
        return Platform(data, process, _ready(process, data))
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(ENDS_WITHIN)
        raise


def _ready(process: subprocess.Popen[bytes], data: Path) -> Json:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        for line in (data / "up.stdout").read_text().splitlines(keepends=True):
            if line.startswith("Ready ") and line.endswith("\n"):
                return dict(json.loads(line.removeprefix("Ready ")))
        time.sleep(0.05)
    raise AssertionError(f"not ready (exit code {process.poll()}):\n{stderr_of(data)}")


@contextlib.contextmanager
def started(
    data: Path, *flags: str, environ: Mapping[str, str] | None = None, module: str = "localazure"
) -> Iterator[Platform]:
    """A platform for the block; ended by SIGINT, which must end it with 0 in time."""
    platform = start(data, *flags, environ=environ, module=module)
    try:
        yield platform
        code = platform.stop()
        assert code == 0, f"ended with {code}:\n{platform.stderr()}"
    finally:
        platform.kill()


def stderr_of(data: Path) -> str:
    """The end of it, without what HTTP clients say of every request."""
    with contextlib.suppress(FileNotFoundError):
        lines = (data / "up.stderr").read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if " INFO httpx" not in line)[-TAIL:]
    return ""
