"""Two platforms, each with a host that dies where it is told to, and what an undisturbed life on them sees.

These tests take minutes: `make settle` runs them, and so does `make check`; `make test` does not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.driving import started
from tests.e2e.rows import Rows
from tests.resilience.evidence import UNCLOSED, observing
from tests.settle.campaign import Ground, Reference
from tests.settle.plans import Folder

HERE = Path(__file__).parent
PLATFORMS = 2  # one for each core that CI has
LONGEST = 2400  # seconds for a test, its fixtures included
_TOLD = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.settle)
            item.add_marker(pytest.mark.timeout(LONGEST))
            item.add_marker(pytest.mark.filterwarnings(f"ignore:{UNCLOSED}:ResourceWarning"))


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[Ground]]:
    with contextlib.ExitStack() as stack:
        yield [_ground(stack, tmp_path_factory.mktemp("settle") / "data") for _ in range(PLATFORMS)]


def _ground(stack: contextlib.ExitStack, data: Path) -> Ground:
    platform = stack.enter_context(started(data, module="tests.settle.launcher"))
    rows = stack.enter_context(contextlib.closing(Rows(platform.endpoints["tables"])))
    observer = stack.enter_context(observing(platform))
    return Ground(platform, Folder(data / "settle"), rows, observer)


@pytest.fixture(scope="session")
def references(grounds: Sequence[Ground]) -> Sequence[Reference]:
    return Reference.of(grounds)


@pytest.fixture(scope="session")
def tell(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the run: what was crashed, and how it ended."""
    return pytestconfig.stash.setdefault(_TOLD, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(_TOLD, []):
        terminalreporter.section("settled")
        for line in lines:
            terminalreporter.write_line(line)
