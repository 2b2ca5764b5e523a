"""The real engine, where there is one on PATH, with the provider of these tests and a backend in a folder.

`pulumi` with its Python language host on PATH is all it needs; there is no account, and nothing leaves the machine.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from infra.environment.program import program
from infra.provisioner.engine import EngineSettings
from infra.provisioner.pulumi_engine import PulumiEngine
from tests.infra.cloud import PLATFORM, PLATFORM_GROUP
from tests.infra.e2e.provider import WHERE
from tests.infra.e2e.stand_in import Client, StandIn, serving
from tests.localazure.arm.conftest import certificate

__all__ = ["certificate"]

ROOT = Path(__file__).parents[3]
ABSENT = shutil.which("pulumi") is None or shutil.which("pulumi-language-python") is None
PLUGIN = f"""#!/bin/sh
PYTHONPATH={ROOT} exec {sys.executable} -m tests.infra.e2e.provider "$@"
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only where the engine is: it is a program of its own, which no Python package brings."""
    skip = pytest.mark.skip(reason="pulumi and pulumi-language-python are not on PATH (make e2e-pulumi)")
    for item in items:
        if ABSENT and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    plugin = folder / "pulumi-resource-azure-native"
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    return folder


@dataclass
class Local:
    """`backend` is the folder of the states; `engine` the engine as the provisioner has it, but less patient."""

    arm: Client
    azure: StandIn
    backend: Path
    settings: EngineSettings
    engine: PulumiEngine

    def state_of(self, stack: str) -> str:
        return (self.backend / ".pulumi" / "stacks" / "runtime-environments" / f"{stack}.json").read_text()

    def locks(self) -> list[Path]:
        return sorted((self.backend / ".pulumi" / "locks").rglob("*.json"))


@pytest_asyncio.fixture
async def local(certificate: Path, tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Local]:
    backend = tmp_path / "backend"
    backend.mkdir()
    async with serving(tmp_path, certificate) as azure:
        monkeypatch.setenv("PATH", f"{plugins}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
        monkeypatch.setenv(WHERE, azure.url)
        settings = EngineSettings(
            # Without attribute files beside the states: they are not written at one go, and a kill would leave half of one.
            backend_url=f"{backend.as_uri()}?metadata=skip",
            passphrase="a passphrase of the tests",
            platform=PLATFORM,
            environ=dict(os.environ),
        )
        arm = Client(azure.url)
        await arm.put(PLATFORM_GROUP, "2025-04-01", {"location": "westeurope"})
        yield Local(arm, azure, backend, settings, PulumiEngine(settings, program, heartbeat=0.5, lock_grace=3.0))
        await arm.close()
