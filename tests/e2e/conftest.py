"""One platform for the whole folder. Tests are independent: each has a tenant or an environment of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.driving import API, WORKER, Json, Platform, Tenant, component, started
from tests.e2e.observer import Observer
from tests.e2e.rows import Rows

HERE = Path(__file__).parent
_PLATFORM = pytest.StashKey[Platform]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Platform]:
    """A running platform; a test that fails shows the end of what it said."""
    with started(tmp_path_factory.mktemp("e2e") / "data") as running:
        pytestconfig.stash[_PLATFORM] = running
        running.api.event_hooks["response"].append(_says_its_schema)
        yield running


def _says_its_schema(answer: httpx.Response) -> None:
    """cs-schema-version is on every answer, whatever the test is about."""
    assert answer.headers.get("cs-schema-version") == "1.0", f"{answer.request.method} {answer.url}: {answer.headers}"


@pytest.fixture
def tenant(platform: Platform) -> Tenant:
    """A caller of a tenant that no other test uses."""
    return platform.fresh_tenant()


@pytest.fixture(scope="session")
def rows(platform: Platform) -> Iterator[Rows]:
    reader = Rows(platform.endpoints["tables"])
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def observer(platform: Platform) -> Iterator[Observer]:
    """Reads the subscription from the beginning of the session; what was sent before waits there."""
    reader = Observer(platform.endpoints["serviceBus"])
    yield reader
    reader.close()


@dataclass(frozen=True)
class Shop:
    """An environment in which one release runs. Nobody changes it."""

    tenant: Tenant
    environment_id: str
    configuration_id: str
    deployment: Json

    @property
    def deployment_id(self) -> str:
        return str(self.deployment["deploymentId"])

    @property
    def operation_id(self) -> str:
        return str(self.deployment["operationId"])


@pytest.fixture(scope="session")
def shop(platform: Platform) -> Shop:
    """Read-only ground for tests of reading: provisioned, configured, released."""
    tenant = platform.fresh_tenant()
    environment_id = tenant.environment()
    body = {"tenantId": tenant.tenant_id, "environmentId": environment_id, "values": {"LOG_LEVEL": "info", "RETRIES": 3}}
    published = tenant.post("/configurations", body)
    assert published.status_code == 201, published.text
    configuration_id = published.json()["configurationId"]
    components = [component(), component(WORKER, target="container-apps")]
    deployment = tenant.release(environment_id, components, configurationId=configuration_id)
    assert deployment["status"] == "Completed", deployment
    tenant.listed(environment_id, {API, WORKER})
    return Shop(tenant, environment_id, configuration_id, deployment)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    running = item.config.stash.get(_PLATFORM, None)
    if report.failed and running is not None:
        report.sections.append(("the platform's stderr, its end", running.stderr()))
    return report
