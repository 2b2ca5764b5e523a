"""What the guide to a deployment takes from the programs is what they put out and what they consist of."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.environment.owned import Surroundings, ground_of
from infra.environment.program import Environment
from infra.platform.settings import ENGINE
from infra.provisioner.engine import PLATFORM as TIES
from tests.docs.pages import ROOT, page
from tests.infra.cloud import PLATFORM, declare, record
from tests.infra.test_platform_program import platform

GUIDE = page("docs/deploy.md")
DOCKERFILE = r"cat > build/images/{}\.Dockerfile <<'DOCKERFILE'\n(.*?)\nDOCKERFILE\n"
ALWAYS = {"Microsoft.Authorization", "Microsoft.Resources"}  # registered in every subscription


def test_every_output_it_reads_is_one_of_the_platforms() -> None:
    text = "\n".join(GUIDE.blocks("sh")) + GUIDE.section("Day two")
    read = set(re.findall(r"\bout (\w+)", text))
    read |= set(re.findall(r"for name in ([\w ]+); do\n  pool", text)[0].split())
    assert {"registryServer", "functionsApp", "resourceGroup", "apiHost", "stateBackend"} <= read
    assert read <= platform().outputs.keys()


def test_a_pool_is_told_all_that_it_is_tied_to() -> None:
    told = re.findall(r"for name in ([\w ]+); do\n  pool", "\n".join(GUIDE.blocks("sh")))[0]
    assert set(told.split()) == set(TIES.values())


def test_it_registers_every_provider_that_an_environment_needs() -> None:
    kinds: set[str] = set()

    def stands(named: Any) -> bool:
        kinds.update(re.findall(r"/providers/(Microsoft\.\w+)/", named.id))
        return False

    given = record()
    declare(lambda: Environment(given, Surroundings(platform=PLATFORM), ground_of(given, stands)).told)
    registered = set(re.findall(r"Microsoft\.\w+", GUIDE.blocks("sh")[0]))
    assert kinds - ALWAYS <= registered


@pytest.mark.parametrize(
    ("image", "step", "more"), [("provisioner", "ProvisionerJob", [ENGINE]), ("grpc", "GrpcService", [])]
)
def test_each_image_has_all_that_its_program_imports(tmp_path: Path, image: str, step: str, more: list[str]) -> None:
    (written,) = re.findall(DOCKERFILE.format(image), GUIDE.text, re.DOTALL)
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", written, re.MULTILINE):
        if (ROOT / source).is_dir():
            shutil.copytree(
                ROOT / source, tmp_path / target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
    command = platform()[step]["template"]["containers"][0]["command"]
    imports = "; ".join(f"import {module}" for module in [f"{command[-1]}.__main__", *more])
    ran = subprocess.run(
        [sys.executable, "-c", imports], cwd=tmp_path, env={"PATH": ""}, text=True, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
