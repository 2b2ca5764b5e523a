"""These tests need the provisioner's own packages, which are 356 MB and not part of the project's environment.

`make test-infra` makes an environment that has them; anywhere else all of this folder is one stated skip.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ALL_THERE = all(importlib.util.find_spec(name) for name in ("pulumi", "pulumi_azure_native", "pulumi_policy"))
WITHOUT = {"test_package.py", "test_without_pulumi.py"}  # need none of them

if not ALL_THERE:
    here = Path(__file__).parent
    collect_ignore = ["e2e", *(path.name for path in here.glob("test_*.py") if path.name not in WITHOUT)]


@pytest.fixture(autouse=True)
def _no_settings_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs this may be logged in to a Pulumi backend of their own."""
    for name in ("PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_STACK"):
        monkeypatch.delenv(name, raising=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first import of azure-native, and the first program of a session, take their time on a busy machine."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(600))
