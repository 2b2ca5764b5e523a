"""All stand-ins composed in one real process, met by the real clients in the environment the app gets."""

import json
import os
import signal
import ssl
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx
import pytest

from localazure.layout import Layout, write_by_rename
from localazure.policy import DECISION_PATH
from localazure.supervisor.folder import DataFolder
from localazure.supervisor.settings import PROVISIONER_JOB, QUICK, child_environment, write_settings

ROOT = Path(__file__).parents[3]
NAMES = (
    "AzureWebJobsStorage",
    "OIDC_AUDIENCE",
    "OIDC_ISSUER",
    "PROVISIONER_JOB_ID",
    "ServiceBus",
    "TABLES_CONNECTION",
)


class Process:
    """`python -m localazure.services` on a prepared folder."""

    def __init__(self, data):
        folder = DataFolder.open(data, reset=False)
        folder.keep_ports(None)
        folder.close()
        self.layout = Layout(data)
        sample = data.parent / "local.settings.sample.json"
        sample.write_text(json.dumps({"Values": dict.fromkeys(NAMES, "")}))
        write_by_rename(data / "options.json", {"quick": True, "kubernetes": "stand-in"})
        self.settings = write_settings(self.layout, sample, {}, QUICK)
        self.environment = child_environment(self.layout, os.environ)
        self.log = (data / "logs" / "services.log").open("ab")

    def start(self):
        command = [sys.executable, "-m", "localazure.services", "--data", str(self.layout.data), "--watch-stdin"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log
        )
        deadline = time.monotonic() + 20
        while not self.serves():
            assert self.process.poll() is None, Path(self.log.name).read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def serves(self):
        try:
            return self.control("GET", "/health").status_code == 200
        except httpx.TransportError:
            return False

    def control(self, method, path, body=None):
        return httpx.request(method, self.layout.url("control") + path, json=body, trust_env=False, timeout=10)

    def client(self, program):
        """What a program prints that runs in the app's environment."""
        command = [sys.executable, "-c", textwrap.dedent(program)]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def end(self):
        """As when the supervisor is killed: standard input ends."""
        self.process.stdin.close()
        return self.process.wait(10)


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    process = Process(tmp_path_factory.mktemp("composed") / "data")
    process.start()
    yield process
    assert process.end() == 0
    process.log.close()


SECRET = {"vaultUri": "https://booking-kv.vault.azure.net", "name": "db", "value": "hunter2"}
READ_SECRET = """
    import asyncio
    from azure.identity.aio import ManagedIdentityCredential
    from azure.keyvault.secrets.aio import SecretClient

    async def main():
        url = "https://booking-kv.vault.azure.net"
        async with ManagedIdentityCredential() as credential, SecretClient(url, credential) as vault:
            print((await vault.get_secret("db")).value)

    asyncio.run(main())
"""
READ_JOB = f"""
    URL = "https://management.azure.com{PROVISIONER_JOB}?api-version=2025-01-01"
    import asyncio
    from azure.core import AsyncPipelineClient
    from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy
    from azure.core.rest import HttpRequest
    from azure.identity.aio import ManagedIdentityCredential

    async def main():
        async with ManagedIdentityCredential() as credential:
            policy = AsyncBearerTokenCredentialPolicy(credential, "https://management.azure.com/.default")
            async with AsyncPipelineClient("https://management.azure.com", policies=[policy]) as arm:
                answer = await arm.send_request(HttpRequest("GET", URL))
                print(answer.status_code, *answer.json()["properties"]["template"]["containers"][0]["command"])

    asyncio.run(main())
"""


def test_the_managed_identity_opens_the_vault_by_its_real_address(services):
    assert services.control("POST", "/secrets", SECRET).status_code == 200
    assert services.client(READ_SECRET) == "hunter2"
    rows = services.control("GET", "/traffic").json()["keyVault"]
    assert {(row["method"], row["status"]) for row in rows} >= {("GET", 401), ("GET", 200)}


def test_arm_has_the_provisioners_job_from_the_start(services):
    assert services.client(READ_JOB) == "200 python -m infra.provisioner"


def test_the_kubeconfig_opens_the_cluster(services):
    config = json.loads(services.layout.kubeconfig.read_text())
    server, token = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
    trust = ssl.create_default_context(cafile=services.layout.ca)
    with httpx.Client(base_url=server, verify=trust, trust_env=False) as cluster:
        assert cluster.get("/api/v1/namespaces").status_code == 401
        answer = cluster.get("/api/v1/namespaces", headers={"Authorization": f"Bearer {token}"})
    assert "kube-system" in {each["metadata"]["name"] for each in answer.json()["items"]}


def test_the_service_bus_takes_and_gives_messages(services):
    from azure.servicebus import ServiceBusClient, ServiceBusMessage

    with ServiceBusClient.from_connection_string(services.settings["ServiceBus"]) as bus:
        with bus.get_queue_sender("runtime-work") as sender:
            sender.send_messages(ServiceBusMessage("tick"))
        with bus.get_queue_receiver("runtime-work", max_wait_time=5) as receiver:
            (message,) = receiver.receive_messages()
            receiver.complete_message(message)
    assert str(message) == "tick"
    assert services.control("GET", "/traffic").json()["serviceBus"]


def test_a_workload_changed_by_nobody_known_is_404(services):
    change = {"environmentId": "env-1", "serviceId": "ghost", "replicas": 1}
    assert services.control("POST", "/workloads/change", change).status_code == 404


@pytest.mark.parametrize("name", ["serviceBus", "keyVault", "arm", "kubernetes", "issuer", "policy"])
def test_every_dependency_can_go_down_and_come_back(services, name):
    scheme = "https" if name in ("keyVault", "arm", "kubernetes") else "http"

    def refuses():
        try:
            httpx.get(services.layout.url(name, scheme), verify=False, trust_env=False, timeout=2)  # noqa: S501
        except httpx.ConnectError:
            return True
        except httpx.TransportError:
            return False  # something answers, in another protocol
        return False

    assert services.control("POST", "/faults", {"dependency": name, "mode": "down"}).status_code == 200
    assert refuses()
    services.control("DELETE", "/faults")
    assert not refuses()


@pytest.mark.parametrize(
    ("name", "path", "shape"),
    [
        ("keyVault", "/secrets", "error"),
        ("arm", "/subscriptions", "error"),
        ("kubernetes", "/api", "status"),
        ("issuer", "/.well-known/openid-configuration", "error_description"),
        ("policy", DECISION_PATH, "message"),
    ],
)
def test_an_error_comes_in_the_services_own_shape(services, name, path, shape):
    scheme = "https" if name in ("keyVault", "arm", "kubernetes") else "http"
    services.control("POST", "/faults", {"dependency": name, "mode": "error"})
    url = services.layout.url(name, scheme) + path
    answer = httpx.get(url, verify=False, trust_env=False)  # noqa: S501 — who serves is not what is tested
    services.control("DELETE", "/faults")
    assert (answer.status_code, shape in answer.json()) == (500, True)


ARM_UNDER_FAULT = """
    import asyncio
    from azure.core.exceptions import AzureError
    from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy
    from azure.core.rest import HttpRequest
    from azure.identity.aio import ManagedIdentityCredential
    from azure.mgmt.core import AsyncARMPipelineClient

    GROUP = "https://management.azure.com/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-faults?api-version=2024-03-01"

    async def main():
        async with ManagedIdentityCredential() as credential:
            policy = AsyncBearerTokenCredentialPolicy(credential, "https://management.azure.com/.default")
            async with AsyncARMPipelineClient("https://management.azure.com", policies=[policy]) as arm:
                try:
                    answer = await arm.send_request(HttpRequest("PUT", GROUP, json={"location": "westeurope"}))
                    remaining = answer.headers["x-ms-ratelimit-remaining-subscription-writes"]
                    print(answer.status_code, answer.headers["Retry-After"], remaining, answer.json()["error"]["code"])
                except AzureError as error:
                    print(type(error).__name__)

    asyncio.run(main())
"""
CLUSTER_UNDER_FAULT = """
    from lightkube import ApiError, Client, KubeConfig
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    cluster = Client(KubeConfig.from_file("{kubeconfig}"), trust_env=False)
    try:
        cluster.create(ConfigMap(metadata=ObjectMeta(name="{name}", namespace="default"), data={{"a": "b"}}))
    except ApiError as error:
        status = error.status
        print(status.code, status.reason, status.details.retryAfterSeconds, error.response.headers["Retry-After"])
    except Exception as error:
        print(type(error).__name__)
"""


def counted(services, dependency, method, ending):
    rows = services.control("GET", "/traffic").json()[dependency]
    return {row["status"]: row["count"] for row in rows if row["method"] == method and row["path"].endswith(ending)}


def test_the_arm_pipeline_is_told_to_come_back_later_and_nothing_was_done(services):
    services.control("POST", "/faults", {"dependency": "arm", "mode": "throttle"})
    said = services.client(ARM_UNDER_FAULT)
    services.control("DELETE", "/faults")
    assert said == "429 1 0 TooManyRequests"
    assert counted(services, "arm", "PUT", "/rg-faults") == {429: 1}


def test_what_arm_did_stays_done_when_its_answer_is_lost(services):
    services.control("POST", "/faults", {"dependency": "arm", "mode": "ackLost"})
    said = services.client(ARM_UNDER_FAULT)
    services.control("DELETE", "/faults")
    assert said in ("ServiceRequestError", "ServiceResponseError")
    made = counted(services, "arm", "PUT", "/rg-faults")
    assert made[201] == 1  # aiohttp sends an idempotent request once more by itself: that one is 200, and is lost, too


def cluster_under(services, mode, name):
    services.control("POST", "/faults", {"dependency": "kubernetes", "mode": mode})
    said = services.client(CLUSTER_UNDER_FAULT.format(kubeconfig=services.layout.kubeconfig, name=name))
    services.control("DELETE", "/faults")
    return said


def test_the_cluster_is_busy_in_its_own_words(services):
    assert cluster_under(services, "throttle", "busy") == "429 TooManyRequests 1 1"


def test_what_the_cluster_did_stays_done_when_its_answer_is_lost(services):
    assert cluster_under(services, "ackLost", "lost") == "RemoteProtocolError"
    assert counted(services, "kubernetes", "POST", "/configmaps")[201] == 1


@pytest.mark.parametrize(
    ("name", "path", "code"),
    [
        ("keyVault", "/secrets", ("error", "code", "Throttled")),
        ("issuer", "/.well-known/openid-configuration", ("error", None, "temporarily_unavailable")),
        ("policy", DECISION_PATH, ("code", None, "too_many_requests")),
    ],
)
def test_who_is_asked_too_often_says_so_in_its_own_shape(services, name, path, code):
    field, inner, word = code
    scheme = "https" if name == "keyVault" else "http"
    services.control("POST", "/faults", {"dependency": name, "mode": "throttle"})
    answer = httpx.get(services.layout.url(name, scheme) + path, verify=False, trust_env=False)  # noqa: S501
    services.control("DELETE", "/faults")
    said = answer.json()[field]
    assert (answer.status_code, answer.headers["Retry-After"], said[inner] if inner else said) == (429, "1", word)


def test_table_storage_is_busy_as_long_as_azurite_is_not_there_and_can_fail_in_every_way(services):
    url = f"{services.layout.url('tables')}/devstoreaccount1/Tables"
    answer = httpx.get(url, trust_env=False)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (503, "ServerBusy")
    services.control("POST", "/faults", {"dependency": "tables", "mode": "error"})
    answer = httpx.get(url, trust_env=False)
    services.control("POST", "/faults", {"dependency": "tables", "mode": "down"})
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    services.control("DELETE", "/faults")
    assert (answer.status_code, answer.json()["odata.error"]["code"]) == (500, "InternalError")
    assert counted(services, "tables", "GET", "/Tables") == {503: 1, 500: 1}


def test_the_app_finds_table_storage_behind_the_proxy(services):
    assert f"TableEndpoint={services.layout.url('tables')}/" in services.settings["TABLES_CONNECTION"]
    assert f"TableEndpoint={services.layout.url('azuriteTables')}/" in services.settings["AzureWebJobsStorage"]


def test_what_was_stored_outlives_a_kill_and_the_ports_stay(services):
    assert services.control("POST", "/secrets", SECRET).status_code == 200
    services.process.send_signal(signal.SIGKILL)
    services.process.wait(5)
    services.process.stdin.close()
    services.start()
    assert services.client(READ_SECRET) == "hunter2"
