"""One platform for the whole folder. Tests are independent: each has a tenant or an environment of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.driving import Platform, Tenant, started

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
        yield running


@pytest.fixture
def tenant(platform: Platform) -> Tenant:
    """A caller of a tenant that no other test uses."""
    return platform.fresh_tenant()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    running = item.config.stash.get(_PLATFORM, None)
    if report.failed and running is not None:
        report.sections.append(("the platform's stderr, its end", running.stderr()))
    return report
