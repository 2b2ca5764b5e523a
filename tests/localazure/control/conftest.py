import pytest
from httpx import ASGITransport, AsyncClient

from localazure.control import Collector, Controlled, Faults, Traffic, application
from localazure.issuer import Issuer, Keyring
from localazure.policy import Overrides
from localazure.services import throttling
from localazure.services.dependency import Shapes
from localazure.services.stand_in import HttpStandIn
from localazure.shelf import Shelf
from localazure.workloads.loads import Loads
from tests.support.ports import free_port


class Workloads:
    """Takes every rule but one that names the field `unknown`."""

    def __init__(self):
        self.rules = []

    def add_behaviour(self, rule):
        if "unknown" in rule:
            raise ValueError("unknown field 'unknown'")
        self.rules.append(rule)

    def clear_behaviours(self):
        self.rules.clear()

    def rows(self):
        return [{"serviceId": "api"}]


class Cluster:
    """Knows one service and notes what was done to it."""

    def __init__(self):
        self.changes = []

    async def change(self, environment_id, service_id, wanted):
        if service_id != "api":
            return False
        self.changes.append((environment_id, wanted))
        return True


class Vault:
    def __init__(self):
        self.secrets = {}

    async def put(self, vault_uri, name, value):
        if vault_uri != "https://kv.vault.azure.net":
            raise ValueError(f"{vault_uri} is no vault")
        self.secrets[name] = value

    def versions(self, vault_uri, name):
        return {"v1": False, "v2": True} if name in self.secrets else {}


class Platform:
    """A control API over doubles, and a client of it."""

    def __init__(self, issuer):
        self.workloads, self.cluster, self.vault = Workloads(), Cluster(), Vault()
        self.shelf = Shelf(":memory:")
        self.loads = Loads(self.shelf)
        self.collector = Collector()
        self.faults, self.traffic, self.overrides, self.issuer = Faults(), Traffic(), Overrides(), issuer
        changeables = [Cluster(), self.cluster]
        changeables[0].change = _knows_nothing
        self.app = application(
            Controlled(
                self.workloads,
                self.loads,
                changeables,
                self.faults,
                self.traffic,
                self.collector,
                self.overrides,
                issuer,
                self.vault.put,
                self.vault.versions,
            )
        )


async def _knows_nothing(environment_id, service_id, wanted):
    return False


@pytest.fixture(scope="session")
def keyring(tmp_path_factory):
    return Keyring.open(tmp_path_factory.mktemp("control") / "issuer.json", {})


@pytest.fixture
async def platform(keyring):
    platform = Platform(Issuer("http://127.0.0.1:4000", "api://runtime-cloud", keyring))
    async with AsyncClient(transport=ASGITransport(platform.app), base_url="http://control") as client:
        platform.client = client
        yield platform
        await platform.faults.lift()


async def hello(scope, receive, send):
    """An application that says hello, and 404 to everybody who asks for nothing."""
    status = 404 if scope["path"] == "/nothing" else 200
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def error(status):
    return {"Content-Type": "application/json"}, b'{"error": {"code": "Arm"}}'


@pytest.fixture
async def listening(platform):
    """A stand-in `arm` on a real socket, wired to faults and traffic, and a client that keeps connections."""
    shapes = Shapes(error, throttling.arm)
    stand_in = HttpStandIn.of("arm", hello, free_port(), shapes, platform.faults, platform.traffic)
    await stand_in.start()
    async with AsyncClient(base_url=stand_in.url, trust_env=False, timeout=3) as client:
        yield client
    await stand_in.stop()
