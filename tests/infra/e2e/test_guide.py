"""The guide's own commands, under the real engine: what configures and makes the platform, as a preview.

Word for word, the policy pack included, but for the backend (a folder) and the last step, which is a preview: nothing can
be made without Azure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import page
from tests.infra.e2e.conftest import ROOT

SECTION = "2 The platform, first run"
UP = re.compile(r"^pulumi up (?=.*--policy-pack )", re.MULTILINE)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the commands are run in: configuring writes beside the program."""
    for name in ("infra", "shared"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "local.settings.sample.json", tmp_path)
    return tmp_path


def test_its_commands_configure_and_preview_the_platform(tree: Path, plugins: Path) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page("docs/deploy.md").section(SECTION), re.MULTILINE | re.DOTALL)
    assert len(UP.findall(block)) == 1
    script = UP.sub("pulumi preview ", block)
    (tree / "states").mkdir()
    environ = {
        **os.environ,
        "PATH": os.pathsep.join([str(plugins), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(tree),
        "PULUMI_HOME": str(tree / "home"),
        "PULUMI_BACKEND_URL": (tree / "states").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase of the tests",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "TESTS_ARM_URL": "http://127.0.0.1:1",  # a preview asks nobody
        "STAGE": "prod",
        "REGION": "westeurope",
        "SUBSCRIPTION": "00000000-0000-4000-8000-000000000001",
        "DIRECTORY": "00000000-0000-4000-8000-00000000c0de",
        "ISSUER": "https://issuer.example.com",
        "GOVERNANCE": "https://governance.example.com/v1/data/runtime/decision",
    }
    ran = subprocess.run(
        ["bash", "-eu", "-c", script], cwd=tree, env=environ, text=True, capture_output=True, check=False, timeout=300
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert "azure-native:durabletask:Scheduler" in ran.stdout
    assert "azure-native:servicebus:Namespace" in ran.stdout
    assert re.search(r"\+ \d+ to create", ran.stdout)
    assert "✅ runtime-cloud@" in ran.stdout  # the policy pack, which has nothing to say
