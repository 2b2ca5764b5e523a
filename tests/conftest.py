"""Which tests share a worker when several run (`pytest -n`): those of one file, and all that share one running platform."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARE_A_PLATFORM = {"e2e"}  # folders whose session fixture is expensive


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in its own hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        place = item.path.relative_to(HERE)
        group = place.parts[0] if place.parts[0] in SHARE_A_PLATFORM else str(place)
        item.add_marker(pytest.mark.xdist_group(group))
