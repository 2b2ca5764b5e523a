"""The story: the seed's five examples, a release that goes wrong, and a change behind the platform's back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, cast

from clients.runtime_client import Invalid, Runtime
from clients.runtime_client.generated import documents as doc
from tools.demo.platform import Callers, Platform
from tools.demo.pulse import Pulse, pulse
from tools.demo.stage import Failed, Stage

API, WORKER = "module-reservations-api", "module-billing-worker"
NOTIFY, PORTAL = "module-notify-function", "module-portal"
ENVIRONMENT: doc.ProvisionRequest = {
    "tenantId": "connectsoft",
    "projectId": "proj-booking-saas",
    "name": "booking-prod-weu",
    "stage": "prod",
    "region": "westeurope",
    "isolationModel": "silo",
    "computeTargets": ["aks", "container-apps", "functions", "app-service"],
}
ENDED = frozenset({"Completed", "RolledBack", "Failed", "Canceled"})


def components(version: str) -> list[doc.ComponentInput]:
    return [
        {"moduleId": API, "image": f"acr.azurecr.io/reservations-api:{version}", "target": "aks"},
        {"moduleId": WORKER, "image": f"acr.azurecr.io/billing-worker:{version}", "target": "container-apps"},
    ]


def everywhere(version: str) -> list[doc.ComponentInput]:
    """A component for each of the four targets."""
    return [
        *components(version),
        {"moduleId": NOTIFY, "image": f"acr.azurecr.io/notify-function:{version}", "target": "functions"},
        {"moduleId": PORTAL, "image": f"acr.azurecr.io/portal:{version}", "target": "app-service"},
    ]


@dataclass
class Story:
    platform: Platform
    callers: Callers
    stage: Stage
    environment_id: str = ""
    configuration_id: str = ""

    @property
    def runtime(self) -> Runtime:
        return self.callers.runtime

    def acts(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        return [
            ("An environment is provisioned", self.provision),
            ("A configuration is published", self.publish),
            ("A release rolls out, gated on health", self.deploy),
            ("The service tells how it is", self.health),
            ("A scaling policy reaches the target's own autoscaler", self.scale),
            ("Nothing drifts", self.no_drift),
            (
                "The Functions host is killed in mid-rollout; health is streamed on and the release still settles",
                self.killed,
            ),
            ("A release turns unhealthy and is taken back by itself", self.bad_release),
            ("Somebody changes an image behind the platform's back", self.drift),
        ]

    async def provision(self) -> str:
        begun = await self.runtime.provision(ENVIRONMENT)
        self.environment_id = begun.document["environmentId"]
        await self.stage.during(lambda told: self.runtime.settled(begun, told=told), _steps)
        state = await self.runtime.environment(self.environment_id)
        self.stage.require(state["status"] == "Provisioned", str(state))
        return f"{self.environment_id} is Provisioned; its vault is {state['outputs']['vaultUri']}"

    async def publish(self) -> str:
        about = {"tenantId": "connectsoft", "environmentId": self.environment_id}
        published = await self.runtime.publish(cast(doc.PublishRequest, {**about, "values": {"LOG_LEVEL": "info"}}))
        self.configuration_id = published["configurationId"]
        leaky = cast(doc.PublishRequest, {**about, "values": {"DB_PASSWORD": "not-in-here"}})
        try:
            await self.runtime.publish(leaky)
        except Invalid as refused:
            said = str(refused.members)
            self.stage.require("DB_PASSWORD" in said and "not-in-here" not in said, said)
            return f"{self.configuration_id}, version {published['version']}; a value that looks like a secret was refused"
        raise Failed("a value that looks like a secret was taken")

    async def deploy(self) -> str:
        ended = await self._ended(await self._deployed("1.4.2", everywhere("1.4.2")))
        self.stage.require(ended["status"] == "Completed", str(ended.get("error")))
        running = await self.callers.running(self.environment_id)
        self.stage.require(running == {one["moduleId"]: {one["image"]} for one in everywhere("1.4.2")}, str(running))
        return f"Completed on evidence: {_samples(ended)} samples of the new revisions; 1.4.2 runs on all four targets"

    async def health(self) -> str:
        seen = await self.stage.follow(lambda: self.runtime.health(API), lambda one: str(one["status"]), {"Healthy"})
        return f"{seen['status']} at {seen['evaluatedAt']}: {', '.join(check['name'] for check in seen['checks'])}"

    async def scale(self) -> str:
        policy: doc.ScalingRequest = {
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
        ident = (await self.runtime.scale(policy))["scalingPolicyId"]
        seen = await self.stage.follow(
            lambda: self.runtime.scaling_policy(ident),
            lambda one: str(one["enforcement"]),
            {"Enforced"},
            "enforcement",
        )
        bounds = seen["effective"]
        return f"Applied, and {seen['enforcement']} as {bounds['minReplicas']} to {bounds['maxReplicas']} replicas"

    async def no_drift(self) -> str:
        scan = await self.stage.follow(
            lambda: self.runtime.last_scan(self.environment_id), lambda one: str(one["status"]), {"Complete"}
        )
        findings = await self._findings()
        self.stage.require(findings == [], str(findings))
        return f"no finding, and the scan of {scan['completedAt']} was {scan['status']}"

    async def killed(self) -> str:
        async with self._pulse() as pulse:
            deployment_id = await self._deployed("1.4.3")
            await self.stage.follow(
                lambda: self.runtime.deployment(deployment_id),
                lambda one: f"{one['phase']} | {pulse.line}",
                {"HealthGating"} | ENDED,
                "phase",
            )
            pid = self.platform.kill_host()
            ended = await self._ended(deployment_id, pulse)
            self.stage.require(pulse.words.keys() == {API, WORKER}, pulse.line)
        self.stage.require(ended["status"] == "Completed", f"{ended['status']}: {ended.get('error')}")
        phases = [(entry["phase"], entry.get("wave")) for entry in ended["rolloutHistory"]]
        self.stage.require(len(phases) == len(set(phases)), str(phases))
        running = await self.callers.running(self.environment_id)
        self.stage.require(running.get(API) == {"acr.azurecr.io/reservations-api:1.4.3"}, str(running))
        return (
            f"SIGKILL of process {pid} while its gate was judged; Completed all the same, each phase once; 1.4.3 runs; "
            f"streamed meanwhile: {pulse.line}"
        )

    async def bad_release(self) -> str:
        rule = {"image": "acr.azurecr.io/reservations-api:1.5.0", "status": "Unhealthy", "httpStatus": 200}
        await self.callers.tell("/workloads/behaviour", rule)
        async with self._pulse() as pulse:
            ended = await self._ended(await self._deployed("1.5.0"), pulse)
        self.stage.require(ended["status"] == "RolledBack", f"{ended['status']}: {ended.get('error')}")
        running = await self.callers.running(self.environment_id)
        self.stage.require(running.get(API) == {"acr.azurecr.io/reservations-api:1.4.3"}, str(running))
        hold = (await self.runtime.environment(self.environment_id))["hold"]
        told = f"{pulse.heard} messages of health meanwhile"
        return f"RolledBack ({ended['error']['code']}); 1.4.3 runs again; on hold since {hold['since']}; {told}"

    async def drift(self) -> str:
        image = "acr.azurecr.io/reservations-api:1.4.1"
        change = {"environmentId": self.environment_id, "serviceId": API, "image": image}
        await self.callers.tell("/workloads/change", change)

        async def look() -> Mapping[str, Any]:
            return {"found": str(len(await self._findings()))}

        await self.stage.follow(look, lambda one: str(one["found"]), {"1"}, None)
        finding = (await self._findings())[0]
        self.stage.require(finding["kind"] == "ImageVersionMismatch", str(finding))
        return f"{finding['severity']}: {finding['kind']}, {finding['desired']} is wanted and {finding['actual']} runs"

    async def _findings(self) -> list[doc.Finding]:
        return [one async for one in self.runtime.findings(self.environment_id)]

    def _pulse(self) -> AbstractAsyncContextManager[Pulse]:
        return pulse(self.callers.live, self.environment_id, (API, WORKER))

    async def _ended(self, deployment_id: str, beside: Pulse | None = None) -> doc.DeploymentState:
        def tell(deployment: doc.DeploymentState) -> str:
            return _phases(deployment) + (f" | {beside.line}" if beside else "")

        ended = await self.stage.follow(lambda: self.runtime.deployment(deployment_id), tell, ENDED)
        return cast(doc.DeploymentState, ended)

    async def _deployed(self, version: str, named: list[doc.ComponentInput] | None = None) -> str:
        begun = await self.runtime.deploy(
            {
                "tenantId": "connectsoft",
                "environmentId": self.environment_id,
                "releaseRef": f"release-{version}",
                "components": named or components(version),
                "configurationId": self.configuration_id,
                "strategy": "RollingHealthGated",
            }
        )
        return begun.document["deploymentId"]


def _steps(operation: doc.OperationState) -> str:
    done = [step["name"] for step in operation["steps"] if step["status"] == "Succeeded"]
    return " → ".join(done) or operation.get("waitingFor", operation["status"])


def _phases(deployment: doc.DeploymentState) -> str:
    return " → ".join(entry["phase"] for entry in deployment["rolloutHistory"])


def _samples(deployment: doc.DeploymentState) -> int:
    gates = [entry["gate"] for entry in deployment["rolloutHistory"] if "gate" in entry]
    return sum(sample["count"] for gate in gates for sample in gate["samples"])
