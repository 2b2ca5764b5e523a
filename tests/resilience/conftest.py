"""One platform that is hurt and always recovers, for all tests but those that end it themselves."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.driving import Platform, Tenant, started
from tests.e2e.observer import Observer
from tests.resilience.evidence import UNCLOSED, observing

HERE = Path(__file__).parent
TEST_WITHIN = 300  # seconds
_PLATFORM = pytest.StashKey[Platform]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(TEST_WITHIN))
            item.add_marker(pytest.mark.filterwarnings(f"ignore:{UNCLOSED}:ResourceWarning"))


@pytest.fixture(scope="session")
def hurt(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Platform]:
    """A running platform whose children are killed and whose dependencies fail."""
    with started(tmp_path_factory.mktemp("resilience") / "data") as running:
        pytestconfig.stash[_PLATFORM] = running
        yield running


@pytest.fixture(scope="session")
def observer(hurt: Platform) -> Iterator[Observer]:
    """Every event of that platform, from its start on."""
    with observing(hurt) as taking:
        yield taking


@pytest.fixture
def tenant(hurt: Platform) -> Tenant:
    """A caller of a tenant that no other test uses."""
    return hurt.fresh_tenant()


@pytest.fixture(scope="session")
def resident(hurt: Platform) -> Tenant:
    """The tenant whose environment many tests deploy into, each its own services."""
    return hurt.fresh_tenant()


@pytest.fixture(scope="session")
def home(resident: Tenant) -> str:
    """An environment that many tests deploy into."""
    return resident.environment()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    running = item.config.stash.get(_PLATFORM, None)
    if report.failed and running is not None:
        report.sections.append(("the platform's stderr, its end", running.stderr()))
    return report
