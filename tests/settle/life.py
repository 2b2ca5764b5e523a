"""The life of one environment, flow by flow: provisioned, released into, a bad release taken back, a good one rolled back
by hand, taken down. Each flow is driven as a caller drives it, with an Idempotency-Key that is sent until it is answered.

After each flow the environment is *seen*: its rows, what was created for it, its events, its workloads, all masked. Two
lives that saw the same passed the same.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e.driving import SETTLED, Json, Platform, Tenant, component
from tests.e2e.observer import Observer
from tests.e2e.rows import Rows
from tests.resilience.evidence import distinct, once_each
from tests.settle import masking
from tests.settle.plans import Folder

API, WORKER = "module-settle-api", "module-settle-worker"
GATE = {"stableSeconds": 1, "retryTimeoutSeconds": 60, "failureLimit": 2}  # no pause by a kill decides, only what is seen
SETTLES_WITHIN = 60.0  # seconds after the last kill, issue 4
FOLLOWS_WITHIN = 30.0  # projections and events, after the operation's end
LOOK_EVERY = 0.4
STILL = 2.0  # seconds without a write, more than a tick of the sweep
PATIENCE = 30.0  # for one request: kills come in a row

FLOWS = ("provision", "deploy", "automatic rollback", "manual rollback", "decommission")


class Unsettled(AssertionError):
    """An operation did not end in time, or ended otherwise than it does undisturbed."""


def components(version: str) -> list[Json]:
    return [component(API, version), component(WORKER, version, "container-apps")]


@dataclass
class Life:
    platform: Platform
    folder: Folder
    rows: Rows
    observer: Observer
    tenant: Tenant
    names: dict[str, str] = field(default_factory=dict)  # what masking calls the parts of ids
    environment_id: str = ""
    deployments: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, platform: Platform, folder: Folder, rows: Rows, observer: Observer) -> Life:
        ident = f"settle-{uuid.uuid4().hex[:12]}"
        return cls(platform, folder, rows, observer, platform.tenant(ident), {ident: "tenant"})

    # The flows. Each begins one operation and answers it as it ended.

    def play(self, flow: str) -> Json:
        plays: Mapping[str, Callable[[], Json]] = {
            "provision": self.provision,
            "deploy": self.deploy,
            "automatic rollback": self.deploy_what_fails,
            "manual rollback": self.roll_back,
            "decommission": self.decommission,
        }
        return plays[flow]()

    def prepare(self, flow: str) -> None:
        """What has to be there before a flow and is no part of it."""
        if flow == "manual rollback":
            self._release("second deploy", "2.0.0")

    def provision(self) -> Json:
        return self._settled("provision", self.begin_provision(), "Succeeded")

    def begin_provision(self) -> httpx.Response:
        body = {
            "tenantId": self.tenant.tenant_id,
            "projectId": "proj-settle",
            "name": "settled",
            "stage": "prod",  # so that the policy point is asked too
            "region": "westeurope",
            "isolationModel": "silo",
            "computeTargets": ["aks", "container-apps"],
        }
        answer = self._post("provision", "/environments", body)
        self.environment_id = answer.json()["environmentId"]
        self.names[self.environment_id.removeprefix("env-")] = "environment"
        return answer

    def deploy(self) -> Json:
        return self._release("deploy", "1.0.0")

    def deploy_what_fails(self) -> Json:
        bad = component(API, "9.0.0")["image"]
        rule = {"image": bad, "environmentId": self.environment_id, "status": "Unhealthy"}
        self.platform.control.behave(**rule)
        return self._release("automatic rollback", "9.0.0", "Failed")

    def roll_back(self) -> Json:
        path = f"/deployments/{self.deployments['second deploy']}/rollback"
        answer = self._post("manual rollback", path, {"reason": "because"})
        return self._deployed("manual rollback", answer, "Succeeded")

    def decommission(self) -> Json:
        answer = self._post("decommission", f"/environments/{self.environment_id}/decommission", {"confirm": "settled"})
        return self._settled("decommission", answer, "Succeeded")

    def _release(self, label: str, version: str, wanted: str = "Succeeded") -> Json:
        body = {
            "tenantId": self.tenant.tenant_id,
            "environmentId": self.environment_id,
            "releaseRef": f"release-{version}",
            "components": components(version),
            "gate": GATE,
        }
        return self._deployed(label, self._post(label, "/deployments", body), wanted)

    def _deployed(self, label: str, answer: httpx.Response, wanted: str) -> Json:
        self.deployments[label] = answer.json()["deploymentId"]
        operation = self._settled(label, answer, wanted)
        once_each(self._patiently(lambda: self.tenant.read(f"/deployments/{self.deployments[label]}")))
        return operation

    # How a caller asks, in spite of everything.

    def _post(self, label: str, path: str, body: Json) -> httpx.Response:
        headers = {"Idempotency-Key": f"{self.tenant.tenant_id}-{label}"}
        deadline = time.time() + PATIENCE
        while True:
            try:
                answer = self.tenant.post(path, body, headers=headers)
            except httpx.TransportError as gone:
                said = repr(gone)
            else:
                if answer.status_code == 202:
                    return self._named(label, answer)
                said = f"{answer.status_code} {answer.text}"
                if answer.status_code not in (500, 503):
                    raise Unsettled(f"POST {path}: {said}")
            if time.time() > max(deadline, self.folder.last_kill() + PATIENCE):
                raise Unsettled(f"POST {path}: {said}")
            time.sleep(LOOK_EVERY)

    def _named(self, label: str, answer: httpx.Response) -> httpx.Response:
        operation = answer.headers["Operation-Location"].rpartition("/")[2]
        self.names[operation[-16:]] = label
        return answer

    def _settled(self, label: str, answer: httpx.Response, wanted: str) -> Json:
        path = f"/operations/{answer.headers['Operation-Location'].rpartition('/')[2]}"
        began = time.time()
        while True:
            seen = self._patiently(lambda: self.tenant.read(path))
            if seen["status"] in SETTLED:
                break
            if time.time() > max(began, self.folder.last_kill()) + SETTLES_WITHIN:
                raise Unsettled(f"{label} is unsettled {SETTLES_WITHIN:.0f} s after the last kill: {seen}")
            time.sleep(LOOK_EVERY)
        if seen["status"] != wanted:
            raise Unsettled(f"{label} ended as {seen['status']}: {seen.get('error')}, attempt {seen['attempt']}")
        return seen

    def _patiently(self, read: Callable[[], Json]) -> Json:
        deadline = time.time() + PATIENCE
        while True:
            try:
                return read()
            except (httpx.TransportError, AssertionError):
                if time.time() > max(deadline, self.folder.last_kill() + PATIENCE):
                    raise
            time.sleep(LOOK_EVERY)

    # What is seen of it.

    def seen(self) -> Json:
        own = self.environment_id.removeprefix("env-")
        traffic = self.platform.control.http.get("/traffic").raise_for_status().json()
        return {
            "rows": masking.state(self.rows.partitions(self.tenant.tenant_id), self.names),
            "creates": masking.creates(traffic, own, self.names),
            "events": {str(index): one for index, one in enumerate(self._events())},
            "workloads": self._workloads(),
        }

    def _events(self) -> list[Any]:
        """What a consumer keeps, in the order of the sequence: a gap or a repetition shows against an undisturbed run."""
        events = distinct(self.observer.of(self.environment_id))
        ordered = sorted(events, key=lambda one: (one.body["sequence"], one.message_id))
        told = [{name: one.body[name] for name in ("eventType", "sequence", "payload")} for one in ordered]
        return [masking.masked(one, self.names) for one in told]

    def _workloads(self) -> Json:
        return {
            name: {"image": row["image"], "replicas": sorted((one["image"], one["ready"]) for one in row["replicas"])}
            for name, row in self.platform.control.workloads(self.environment_id).items()
        }

    def at_rest(self) -> Json:
        """What is seen of a life that nobody disturbs."""
        self.still()
        return self.seen()

    def still(self) -> None:
        """Wait until nothing of this environment was written for a while."""
        deadline, before = time.time() + FOLLOWS_WITHIN, -1
        while (now := len(self.folder.recorded(self.tenant.tenant_id))) != before:
            if time.time() > deadline:
                raise AssertionError("it does not come to rest")
            before = now
            time.sleep(STILL)

    def until_same(self, wanted: Json) -> list[str]:
        """The differences to `wanted` that are left when projections and events had their time."""
        began = time.time()
        while True:
            left = different(wanted, self.seen())
            if not left or time.time() > max(began, self.folder.last_kill()) + FOLLOWS_WITHIN:
                return left
            time.sleep(LOOK_EVERY)


def different(wanted: Json, seen: Json) -> list[str]:
    return [f"{part}: {line}" for part in wanted for line in masking.differences(wanted[part], seen[part])]
