"""The shipped rules, input by input: on the engine that runs here and, where it is on PATH, on the real OPA."""

import json
import shutil
import subprocess

import pytest

from localazure.policy import Policy
from localazure.policy.engine import REGO, Undecided

PROVISION = {
    "tenantId": "connectsoft",
    "projectId": "proj-booking-saas",
    "name": "booking-prod-weu",
    "stage": "prod",
    "region": "westeurope",
    "isolationModel": "silo",
    "computeTargets": ["aks", "container-apps", "functions", "app-service"],
}
COMPONENTS = [
    {"moduleId": "module-reservations-api", "image": "acr.azurecr.io/reservations-api:1.4.2", "target": "aks"},
    {"moduleId": "module-billing-worker", "image": "acr.azurecr.io/billing-worker:1.4.2", "target": "container-apps"},
]
DEPLOY = {"tenantId": "connectsoft", "environmentId": "env-1", "releaseRef": "release-2026.6.11", "components": COMPONENTS}
SCALE = {"serviceId": "module-reservations-api", "target": "aks", "metric": "cpu", "minReplicas": 2, "maxReplicas": 20}
REGION = "the region is not in the allowed list"
SILO = "a production environment must be isolated as a silo"
LIMIT = "maxReplicas is over the limit of 100"
REPLICAS = "a component asks for more than 100 replicas"
FORCE = "a production environment is not decommissioned by force"


def ask(action, request, stage="prod"):
    return {
        "action": action,
        "tenantId": "connectsoft",
        "subject": "s",
        "clientId": "c",
        "stage": stage,
        "request": request,
    }


def replicas(count):
    return {**DEPLOY, "components": [COMPONENTS[0], {**COMPONENTS[1], "replicas": count}]}


TABLE = {
    "the seed's provision": (ask("environments.provision", PROVISION), []),
    "another European region": (ask("environments.provision", {**PROVISION, "region": "swedencentral"}), []),
    "an American region": (ask("environments.provision", {**PROVISION, "region": "eastus"}), []),
    "a region outside": (ask("environments.provision", {**PROVISION, "region": "chinaeast"}), [REGION]),
    "a region that would break a quote": (ask("environments.provision", {**PROVISION, "region": 'a"b\\'}), [REGION]),
    "no region": (ask("environments.provision", {"isolationModel": "silo"}), [REGION]),
    "no isolation model": (ask("environments.provision", {"region": "westeurope"}), [SILO]),
    "prod in a pool": (ask("environments.provision", {**PROVISION, "isolationModel": "pool"}), [SILO]),
    "prod shared": (ask("environments.provision", {**PROVISION, "isolationModel": "shared"}), [SILO]),
    "test in a pool": (ask("environments.provision", {**PROVISION, "isolationModel": "pool"}, "test"), []),
    "two reasons": (
        ask("environments.provision", {**PROVISION, "region": "mars", "isolationModel": "pool"}),
        [SILO, REGION],
    ),
    "the seed's deployment, by tag": (ask("deployments.deploy", DEPLOY), []),
    "a hundred replicas": (ask("deployments.deploy", replicas(100)), []),
    "over a hundred replicas": (ask("deployments.deploy", replicas(101)), [REPLICAS]),
    "rollback": (ask("deployments.rollback", {"reason": "slow"}), []),
    "rollback without a body": (ask("deployments.rollback", None), []),
    "promotion": (ask("deployments.promote", {"reason": "judged by hand"}), []),
    "the seed's scaling": (ask("scaling-policies.apply", SCALE), []),
    "scaling to the limit": (ask("scaling-policies.apply", {**SCALE, "maxReplicas": 100}), []),
    "scaling over the limit": (ask("scaling-policies.apply", {**SCALE, "maxReplicas": 101}), [LIMIT]),
    "binding": (ask("secret-bindings.bind", {"vaultUri": "https://kv.vault.azure.net", "secrets": []}), []),
    "rotation": (ask("secret-bindings.rotate", {}), []),
    "remediation": (ask("drift.remediate", {"reason": "as released"}), []),
    "adoption": (ask("drift.adopt", {"reason": "wanted"}), []),
    "release of a hold": (ask("environments.release-hold", {"reason": "mended"}), []),
    "decommission": (ask("environments.decommission", {"confirm": "booking-prod-weu"}), []),
    "decommission, force spelled out as false": (ask("environments.decommission", {"force": False}), []),
    "decommission by force": (ask("environments.decommission", {"confirm": "b", "force": True}), [FORCE]),
    "no action": ({"request": {}}, ["the question names no action"]),
}


@pytest.fixture(scope="module")
def policy():
    return Policy()


@pytest.mark.parametrize("case", TABLE)
def test_on_the_embedded_engine(policy, case):
    question, reasons = TABLE[case]
    decision = policy.decide(question)
    assert (decision.allow, list(decision.reasons)) == (not reasons, sorted(reasons))
    assert decision.obligations == {}


@pytest.mark.skipif(shutil.which("opa") is None, reason="the real opa is not on PATH")
def test_the_whole_table_on_the_real_opa():
    command = ["opa", "eval", "--format", "raw", "--data", str(REGO), "--stdin-input", "data.runtime.governance.decision"]
    for case, (question, reasons) in TABLE.items():
        done = subprocess.run(command, input=json.dumps(question), capture_output=True, text=True, check=True)
        expected = {"allow": not reasons, "reasons": sorted(reasons), "obligations": {}}
        assert json.loads(done.stdout) == expected, case


def test_rules_without_a_decision_never_allow():
    with pytest.raises(Undecided):
        Policy("package runtime.governance\n").decide({"action": "environments.provision"})


def test_every_thread_has_an_engine_of_its_own(policy):
    from concurrent.futures import ThreadPoolExecutor

    question, _ = TABLE["scaling over the limit"]
    with ThreadPoolExecutor(4) as pool:
        assert not any(decision.allow for decision in pool.map(policy.decide, [question] * 40))
