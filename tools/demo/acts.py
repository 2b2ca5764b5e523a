"""The story: the seed's five examples, a release that goes wrong, and a change behind the platform's back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.demo.platform import Platform
from tools.demo.stage import Stage

API, WORKER = "module-reservations-api", "module-billing-worker"
NOTIFY, PORTAL = "module-notify-function", "module-portal"
ENVIRONMENT = {
    "tenantId": "connectsoft",
    "projectId": "proj-booking-saas",
    "name": "booking-prod-weu",
    "stage": "prod",
    "region": "westeurope",
    "isolationModel": "silo",
    "computeTargets": ["aks", "container-apps", "functions", "app-service"],
}
ENDED = frozenset({"Completed", "RolledBack", "Failed", "Canceled"})


def components(version: str) -> list[dict[str, str]]:
    return [
        {"moduleId": API, "image": f"acr.azurecr.io/reservations-api:{version}", "target": "aks"},
        {"moduleId": WORKER, "image": f"acr.azurecr.io/billing-worker:{version}", "target": "container-apps"},
    ]


def everywhere(version: str) -> list[dict[str, str]]:
    """A component for each of the four targets."""
    return [
        *components(version),
        {"moduleId": NOTIFY, "image": f"acr.azurecr.io/notify-function:{version}", "target": "functions"},
        {"moduleId": PORTAL, "image": f"acr.azurecr.io/portal:{version}", "target": "app-service"},
    ]


@dataclass
class Story:
    platform: Platform
    stage: Stage
    environment_id: str = ""
    configuration_id: str = ""
    deployments: dict[str, str] = field(default_factory=dict)

    def acts(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("An environment is provisioned", self.provision),
            ("A configuration is published", self.publish),
            ("A release rolls out, gated on health", self.deploy),
            ("The service tells how it is", self.health),
            ("A scaling policy reaches the target's own autoscaler", self.scale),
            ("Nothing drifts", self.no_drift),
            ("The Functions host is killed in mid-rollout and the release still settles", self.killed),
            ("A release turns unhealthy and is taken back by itself", self.bad_release),
            ("Somebody changes an image behind the platform's back", self.drift),
        ]

    def provision(self) -> str:
        answer = self.platform.post("/environments", ENVIRONMENT)
        self.stage.require(answer.status_code == 202, answer.text)
        self.environment_id = answer.json()["environmentId"]
        operation = answer.headers["Operation-Location"].rpartition("/")[2]
        self.stage.follow(lambda: self.platform.get(f"/operations/{operation}"), _steps, {"Succeeded", "Failed"})
        state = self.platform.get(f"/environments/{self.environment_id}")
        self.stage.require(state["status"] == "Provisioned", str(state))
        return f"{self.environment_id} is Provisioned; its vault is {state['outputs']['vaultUri']}"

    def publish(self) -> str:
        body = {"tenantId": "connectsoft", "environmentId": self.environment_id, "values": {"LOG_LEVEL": "info"}}
        answer = self.platform.post("/configurations", body)
        self.stage.require(answer.status_code == 201, answer.text)
        self.configuration_id = answer.json()["configurationId"]
        leaky = self.platform.post("/configurations", {**body, "values": {"DB_PASSWORD": "not-in-here"}})
        self.stage.require(leaky.status_code == 422 and "not-in-here" not in leaky.text, leaky.text)
        return f"{self.configuration_id}, version {answer.json()['version']}; a value that looks like a secret was refused"

    def deploy(self) -> str:
        ended = self._release("1.4.2", everywhere("1.4.2"))
        self.stage.require(ended["status"] == "Completed", str(ended.get("error")))
        running = self.platform.running(self.environment_id)
        self.stage.require(running == {one["moduleId"]: {one["image"]} for one in everywhere("1.4.2")}, str(running))
        return f"Completed on evidence: {_samples(ended)} samples of the new revisions; 1.4.2 runs on all four targets"

    def health(self) -> str:
        path = f"/services/{API}/health"
        seen = self.stage.follow(lambda: self.platform.get(path), lambda one: one["status"], {"Healthy"}, "status")
        return f"{seen['status']} at {seen['evaluatedAt']}: {', '.join(check['name'] for check in seen['checks'])}"

    def scale(self) -> str:
        policy = {
            "tenantId": "connectsoft",
            "environmentId": self.environment_id,
            "serviceId": API,
            "target": "aks",
            "metric": "cpu",
            "minReplicas": 2,
            "maxReplicas": 20,
            "targetUtilizationPercent": 65,
            "scaleToZero": False,
        }
        answer = self.platform.post("/scaling-policies", policy)
        self.stage.require(answer.status_code == 201, answer.text)
        path = f"/scaling-policies/{answer.json()['scalingPolicyId']}"
        seen = self.stage.follow(
            lambda: self.platform.get(path), lambda one: one["enforcement"], {"Enforced"}, "enforcement"
        )
        bounds = seen["effective"]
        return f"Applied, and {seen['enforcement']} as {bounds['minReplicas']} to {bounds['maxReplicas']} replicas"

    def no_drift(self) -> str:
        drift = self._scanned()
        self.stage.require(drift["findings"] == [], str(drift["findings"]))
        return f"no finding, and the scan of {drift['lastScan']['completedAt']} was {drift['lastScan']['status']}"

    def killed(self) -> str:
        path = f"/deployments/{self._deployed('1.4.3')}"
        self.stage.follow(lambda: self.platform.get(path), lambda one: one["phase"], {"HealthGating"} | ENDED, "phase")
        pid = self.platform.kill_host()
        ended = self.stage.follow(lambda: self.platform.get(path), _phases, ENDED)
        self.stage.require(ended["status"] == "Completed", f"{ended['status']}: {ended.get('error')}")
        phases = [(entry["phase"], entry.get("wave")) for entry in ended["rolloutHistory"]]
        self.stage.require(len(phases) == len(set(phases)), str(phases))
        running = self.platform.running(self.environment_id)
        self.stage.require(running.get(API) == {"acr.azurecr.io/reservations-api:1.4.3"}, str(running))
        return f"SIGKILL of process {pid} while its gate was judged; Completed all the same, each phase once; 1.4.3 runs"

    def bad_release(self) -> str:
        rule = {"image": "acr.azurecr.io/reservations-api:1.5.0", "status": "Unhealthy", "httpStatus": 200}
        self.platform.control.post("/workloads/behaviour", json=rule).raise_for_status()
        ended = self._release("1.5.0")
        self.stage.require(ended["status"] == "RolledBack", f"{ended['status']}: {ended.get('error')}")
        running = self.platform.running(self.environment_id)
        self.stage.require(running.get(API) == {"acr.azurecr.io/reservations-api:1.4.3"}, str(running))
        hold = self.platform.get(f"/environments/{self.environment_id}")["hold"]
        return f"RolledBack ({ended['error']['code']}); 1.4.3 runs again; on hold since {hold['since']}"

    def drift(self) -> str:
        change = {
            "environmentId": self.environment_id,
            "serviceId": API,
            "image": "acr.azurecr.io/reservations-api:1.4.1",
        }
        self.platform.control.post("/workloads/change", json=change).raise_for_status()
        path = f"/drift/{self.environment_id}"
        seen = self.stage.follow(lambda: self.platform.get(path), lambda one: str(len(one["findings"])), {"1"}, None)
        finding = seen["findings"][0]
        self.stage.require(finding["kind"] == "ImageVersionMismatch", str(finding))
        return f"{finding['severity']}: {finding['kind']}, {finding['desired']} is wanted and {finding['actual']} runs"

    def _release(self, version: str, named: list[dict[str, str]] | None = None) -> dict[str, Any]:
        path = f"/deployments/{self._deployed(version, named)}"
        return self.stage.follow(lambda: self.platform.get(path), _phases, ENDED)

    def _deployed(self, version: str, named: list[dict[str, str]] | None = None) -> str:
        body = {
            "tenantId": "connectsoft",
            "environmentId": self.environment_id,
            "releaseRef": f"release-{version}",
            "components": named or components(version),
            "configurationId": self.configuration_id,
            "strategy": "RollingHealthGated",
        }
        answer = self.platform.post("/deployments", body)
        self.stage.require(answer.status_code == 202, answer.text)
        return str(answer.json()["deploymentId"])

    def _scanned(self) -> dict[str, Any]:
        path = f"/drift/{self.environment_id}"
        return self.stage.follow(lambda: self.platform.get(path), lambda one: one["lastScan"]["status"], {"Complete"}, None)


def _steps(operation: Mapping[str, Any]) -> str:
    done = [step["name"] for step in operation["steps"] if step["status"] == "Succeeded"]
    return " → ".join(done) or operation.get("waitingFor", operation["status"])


def _phases(deployment: Mapping[str, Any]) -> str:
    return " → ".join(entry["phase"] for entry in deployment["rolloutHistory"])


def _samples(deployment: Mapping[str, Any]) -> int:
    gates = [entry["gate"] for entry in deployment["rolloutHistory"] if "gate" in entry]
    return sum(sample["count"] for gate in gates for sample in gate["samples"])
