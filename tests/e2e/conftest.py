"""One platform for the whole folder. Tests are independent: each has a tenant or an environment of its own.

Most of a long test's time is a gate's or a sweep's. Those marked `together` are run at the same time, a module's at once,
when the first of them is due; each then passes or fails as itself. They may take `platform`, `tenant`, `rows`, `observer`
and parameters, and must not change what holds for everybody (faults, the policy).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.driving import API, WORKER, Json, Platform, Tenant, component, started
from tests.e2e.observer import Observer
from tests.e2e.rows import Rows
from tests.support.contract import Contract

HERE = Path(__file__).parent
AT_ONCE = 6
TEST_WITHIN, BATCH_WITHIN = 300, 900  # seconds
_PLATFORM = pytest.StashKey[Platform]()
_RUNS = pytest.StashKey[dict[str, Future[None]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "together: runs at the same time as the others of its module that are so marked")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if config.pluginmanager.hasplugin("xdist"):
                item.add_marker(pytest.mark.xdist_group("e2e"))  # one platform, and batches that stay together
            together = item.get_closest_marker("together")
            item.add_marker(pytest.mark.timeout(BATCH_WITHIN if together else TEST_WITHIN))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if HERE not in pyfuncitem.path.parents or not pyfuncitem.get_closest_marker("together"):
        return None
    runs = pyfuncitem.session.stash.setdefault(_RUNS, {})
    if pyfuncitem.nodeid not in runs:
        siblings = [
            one
            for one in pyfuncitem.session.items
            if isinstance(one, pytest.Function) and one.path == pyfuncitem.path and one.get_closest_marker("together")
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            runs |= {one.nodeid: pool.submit(one.obj, **_arguments(one, pyfuncitem)) for one in siblings}
            wait(runs.values())
    runs[pyfuncitem.nodeid].result()
    return True


def _arguments(item: pytest.Function, current: pytest.Function) -> dict[str, Any]:
    """What a sibling takes; session fixtures by way of the test that is being run, a tenant of its own."""
    given: dict[str, Any] = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    platform: Platform = current._request.getfixturevalue("platform")
    for name in item._fixtureinfo.argnames:
        if name == "tenant":
            given[name] = platform.fresh_tenant()
        elif name not in given:
            given[name] = current._request.getfixturevalue(name)
    return given


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Platform]:
    """A running platform; a test that fails shows the end of what it said."""
    patient = {"TRANSIENT_BUDGET_SECONDS": "120"}  # a busy machine makes dependencies slow: no reason to fail
    with started(tmp_path_factory.mktemp("e2e") / "data", environ=patient) as running:
        pytestconfig.stash[_PLATFORM] = running
        contract = Contract(running.api.get("/v1/runtime/openapi.json").raise_for_status().json())
        running.api.event_hooks["response"].append(partial(_as_described, contract))
        yield running


def _as_described(contract: Contract, answer: httpx.Response) -> None:
    """Every answer holds to the platform's own description, whatever the test is about."""
    body, path = answer.read(), answer.url.raw_path.decode().partition("?")[0]
    contract.check(answer.request.method, path, answer.status_code, answer.headers, body)


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
    """An environment in which one release runs. Nobody deploys into it again."""

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

    def ident(self, parameter: str) -> str:
        """An id of this environment that a route's `parameter` takes; empty for a route without one."""
        idents = {
            "": "",
            "environmentId": self.environment_id,
            "deploymentId": self.deployment_id,
            "operationId": self.operation_id,
            "configurationId": self.configuration_id,
            "serviceId": API,
        }
        return idents.get(parameter, self.environment_id)


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
